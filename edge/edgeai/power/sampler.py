"""Reads a meter again and again beside what is measured, and keeps when each read was."""
