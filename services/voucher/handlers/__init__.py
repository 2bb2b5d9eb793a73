"""Voucher's handlers: one async function per command or event; they load, let the rules decide, save and tell."""
