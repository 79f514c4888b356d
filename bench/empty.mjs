// An empty script: what Node alone costs to start and to end.
