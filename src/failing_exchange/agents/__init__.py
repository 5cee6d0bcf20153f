"""A venue for AI agents: tools, tasks with a pass mark, and what an agent believed."""
