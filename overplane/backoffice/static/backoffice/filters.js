"use strict";
// The panel of a filter: attributes found by typing, only the comparisons that suit, a field of the right kind for the value.
// Whatever has data-filter-field (a heading, a chip) opens it with that attribute. Without this script it is a plain form.
{
  const menu = document.querySelector(".filter-menu"), panel = menu?.querySelector("fieldset"), form = menu?.closest("form");
  if (panel) {
    const words = panel.dataset;
    // The plain list of attributes becomes one that is searched.
    const plain = panel.querySelector(".filter-plain"), list = document.createElement("div");
    list.className = "filter-list";
    list.setAttribute("role", "radiogroup");
    list.setAttribute("aria-label", plain.firstChild.textContent.trim());
    const radios = [...plain.querySelectorAll("option")].filter((option) => option.value).map((option) => {
      const label = document.createElement("label"), radio = document.createElement("input");
      Object.assign(radio, { type: "radio", name: "add.field", value: option.value });
      Object.assign(radio.dataset, { kind: "text" }, option.dataset);
      label.append(radio, option.textContent);
      list.append(label);
      return radio;
    });
    plain.replaceWith(list);
    const search = panel.querySelector("[data-filter-search]"), none = panel.querySelector(".filter-none"), first = panel.querySelector(".filter-first");
    const operator = panel.querySelector("[name='add.op']"), all = [...operator.options].filter((option) => option.value);
    const condition = panel.querySelector(".filter-condition"), values = panel.querySelector(".filter-values"), instead = panel.querySelector("[name='add.instead']");
    const kinds = JSON.parse(words.kinds);
    const chosen = () => radios.find((radio) => radio.checked);
    const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    search.closest("label").hidden = false;

    const element = (name, properties = {}, ...children) => {
      const made = Object.assign(document.createElement(name), properties);
      made.append(...children);
      return made;
    };
    const labelled = (text, field) => {
      field.setAttribute("aria-label", text); // the label itself holds the choices, too
      return element("label", {}, element("span", { textContent: text }), field);
    };
    const input = (name, kind) => {
      const field = element("input", { name, type: "text", autocomplete: "off", maxLength: 300 });
      if (kind === "date" || kind === "timestamp") field.type = "date";
      else if (kind === "number" || kind === "integer") { field.inputMode = "decimal"; field.placeholder = words.numberHint; }
      return field;
    };
    const select = (choices, value) => {
      const field = element("select", { name: "add.value" }, ...Object.entries(choices).map(([one, label]) => element("option", { value: one, textContent: label })));
      if (value) field.value = value;
      return field;
    };
    // Several values: each a little tag with its own hidden field. What still stands in the box counts too.
    const several = (radio, texts) => {
      const tags = element("ul", { className: "filter-tags" }), box = input("", radio.dataset.kind);
      const add = (text) => {
        if (!text.trim() || [...tags.querySelectorAll("input")].some((one) => one.value === text.trim())) return;
        const remove = element("button", { type: "button", textContent: "×" });
        remove.setAttribute("aria-label", `${words.removeWord}: ${text}`);
        const tag = element("li", {}, element("bdi", { textContent: text.trim() }), element("input", { type: "hidden", name: "add.each", value: text.trim() }), remove);
        remove.addEventListener("click", (event) => {
          event.stopPropagation(); // out of the page it would count as a click beside the menu
          tag.remove();
          box.focus();
        });
        tags.append(tag);
        box.value = "";
      };
      if ("suggests" in radio.dataset) box.dataset.suggest = `${words.values}${radio.value}/`;
      const more = element("button", { type: "button", className: "button small", textContent: words.addWord });
      more.addEventListener("click", () => { add(box.value); box.focus(); });
      box.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && box.value.trim()) { event.preventDefault(); add(box.value); }
        else if (event.key === "Backspace" && !box.value) tags.lastElementChild?.remove();
      });
      form.addEventListener("formdata", (event) => { if (box.isConnected && box.value.trim() && !panel.disabled) event.formData.append("add.each", box.value.trim()); });
      texts.forEach(add);
      return [tags, element("div", { className: "filter-more" }, labelled(words.valueWord, box), more)];
    };
    const ticks = (choices, texts) => element("div", { className: "filter-ticks" }, ...Object.entries(choices).map(([value, label]) =>
      element("label", { className: "tick" }, element("input", { type: "checkbox", name: "add.each", value, checked: texts.includes(value) }), ` ${label}`)));

    const draw = (texts = []) => {
      const radio = chosen(), { kind } = radio.dataset;
      const choices = kind === "boolean" ? { true: words.yes, false: words.no } : radio.dataset.choices && JSON.parse(radio.dataset.choices);
      const { takes } = operator.selectedOptions[0].dataset, name = operator.value;
      let fields = [];
      if (takes === "many") fields = choices ? [ticks(choices, texts)] : several(radio, texts);
      else if (name === "within") fields = [labelled(words.valueWord, select(JSON.parse(words.periods), texts[0]))];
      else if (takes === "two") {
        const [first, last] = (texts[0] ?? "").split("..");
        const ends = [input("add.value", kind), input("add.until", kind)];
        [ends[0].value, ends[1].value] = [first ?? "", last ?? ""];
        fields = [labelled(words.valueWord, ends[0]), labelled(words.toWord, ends[1])];
      } else if (takes === "one" && choices) fields = [labelled(words.valueWord, select(choices, texts[0]))];
      else if (takes === "one") {
        const field = input("add.value", kind);
        field.value = texts[0] ?? "";
        if ("suggests" in radio.dataset && name !== "contains") field.dataset.suggest = `${words.values}${radio.value}/`;
        fields = [labelled(words.valueWord, field)];
      }
      values.replaceChildren(...fields);
      for (const hint of panel.querySelectorAll(".filter-hint")) hint.hidden = takes === "none" || !hint.dataset.of.split(" ").includes(kind);
    };
    const choose = (name, texts) => {
      const radio = chosen();
      condition.hidden = !radio;
      first.hidden = Boolean(radio);
      if (!radio) return;
      const suit = (radio.dataset.operators ?? kinds[radio.dataset.kind]).split(" ");
      if (!("required" in radio.dataset)) suit.push("empty", "filled");
      operator.replaceChildren(...suit.map((one) => all.find((option) => option.value === one)));
      operator.value = suit.includes(name) ? name : suit[0];
      draw(texts);
    };
    const focusValue = () => (values.querySelector("input:not([type=hidden]), select") ?? operator).focus();
    const find = (text) => {
      const parts = fold(text).split(/\s+/).filter(Boolean);
      for (const radio of radios) {
        const label = radio.parentElement, has = fold(`${label.textContent} ${radio.dataset.words} ${radio.value.replaceAll("_", " ")}`);
        label.hidden = !parts.every((part) => has.includes(part));
      }
      none.hidden = radios.some((radio) => !radio.parentElement.hidden);
    };
    const reset = () => {
      for (const radio of radios) radio.checked = false;
      instead.value = search.value = "";
      find("");
      choose();
    };
    const open = (field, { operator: name, texts = [], parameter } = {}) => {
      reset();
      panel.disabled = false;
      menu.open = true;
      place(); // before anything in it gets the focus: the page would be scrolled to where it is
      const radio = radios.find((one) => one.value === field);
      if (!radio) return search.focus();
      radio.checked = true;
      list.scrollTop = radio.parentElement.offsetTop - list.clientHeight / 2;
      if (parameter) instead.value = name === "in" ? parameter : `${parameter}=${texts[0] ?? ""}`;
      choose(name, texts);
      focusValue();
    };

    // Below its button, but never beyond the edge of the window.
    const EDGE = 16;
    const place = () => {
      panel.style.left = "";
      if (getComputedStyle(panel).position === "fixed") return;
      const over = panel.getBoundingClientRect().right + EDGE - document.documentElement.clientWidth;
      if (over > 0) panel.style.left = `${-over}px`;
    };
    search.addEventListener("input", () => find(search.value));
    search.addEventListener("keydown", (event) => {
      const shown = radios.filter((radio) => !radio.parentElement.hidden);
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      if (!shown.length) return;
      shown[0].checked = true;
      choose();
      event.key === "Enter" ? focusValue() : shown[0].focus();
    });
    list.addEventListener("change", () => choose(operator.value));
    list.addEventListener("keydown", (event) => { if (event.key === "Enter" && chosen()) { event.preventDefault(); focusValue(); } });
    operator.addEventListener("change", () => { draw(); });
    menu.addEventListener("toggle", () => {
      panel.disabled = !menu.open;
      if (menu.open) place();
      if (menu.open && !chosen()) { reset(); search.focus(); }
    });
    document.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-filter-field]");
      if (!opener) return;
      event.preventDefault();
      event.stopPropagation();
      const { filterField, texts, ...rest } = opener.dataset;
      open(filterField, { ...rest, texts: texts ? JSON.parse(texts) : [] });
    });
    // A menu that stays closed, and an empty search, have no place in the address.
    form.addEventListener("formdata", (event) => {
      if (!event.formData.get("q")) event.formData.delete("q");
      if (!chosen()) for (const name of [...event.formData.keys()]) if (name.startsWith("add.")) event.formData.delete(name);
    });
    panel.disabled = true;
    reset();
  }
}
