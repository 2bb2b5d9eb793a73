"""What the voucher service listens to, and who handles it."""

from services.voucher.handlers import ledger, parties
from shared.contracts.messages.identity import ORGANISATION_FACTS
from shared.contracts.messages.voucher import VOUCHER_COMMANDS
from shared.runtime.service import Subscriptions

SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, parties.copy_parties),
    **dict.fromkeys(VOUCHER_COMMANDS, ledger.run_commands),
}
