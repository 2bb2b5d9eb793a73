"""Pure rules of orders: states, prices, decisions and sagas; no IO, no clock, no SQL."""
