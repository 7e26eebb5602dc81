"""Alerts: rules on prices, what they fired, and how a person hears of it."""
