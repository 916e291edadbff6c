"""All SQL: tables, sessions, and one repository per noun."""
