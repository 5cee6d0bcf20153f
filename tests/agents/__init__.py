"""Stories about AI agents: their tools, tasks and beliefs."""
