"""Long work of the workbench: each job is a process of its own, so that no chat waits for it and it can be stopped."""
