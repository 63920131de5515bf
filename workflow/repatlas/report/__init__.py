"""A finished study for readers: its findings in sentences, and the pages of its report."""
