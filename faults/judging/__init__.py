"""What must be true of a run, whatever was killed in it. Each check is one function: evidence in, problems out."""
