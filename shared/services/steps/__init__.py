"""One step of an execution: its attempts, what they are told, what they wait for, and what they come to."""
