"""What the policy pack says to everybody: classes, agreement, declaration, grounds, legal basis."""

from datetime import date

from services.catalog.views.models import (
    AgreementText,
    ChecklistItem,
    ClassItem,
    DeclarationText,
    GroundItem,
    LegalReferenceItem,
)
from shared.contracts.policy import PolicyPack


def list_classes(pack: PolicyPack) -> list[ClassItem]:
    """The eligible classes with layer, guidance, ratio and service rules. Source: A17, A18, R32-R35, R41."""
    layers = {layer.code: layer for layer in pack.layers}
    return [
        ClassItem(
            code=item.code,
            name=item.name,
            layer=item.layer,
            layer_name=layers[item.layer].name,
            guidance=item.guidance,
            rate_bp=layers[item.layer].rate_bp,
            checklist=[ChecklistItem(code=rule.code, text=rule.text) for rule in item.checklist],
        )
        for item in pack.classes
    ]


def read_agreement(pack: PolicyPack) -> AgreementText:
    """The transaction agreement in force. Source: A18, R68."""
    return AgreementText.model_validate(pack.agreement)


def read_declaration(pack: PolicyPack) -> DeclarationText:
    """The truth declaration in force. Source: R10."""
    return DeclarationText.model_validate(pack.truth_declaration)


def list_grounds(pack: PolicyPack) -> list[GroundItem]:
    """The grounds of forced delisting. Source: A12(2), R50-R54."""
    return [GroundItem.model_validate(ground) for ground in pack.delisting_grounds]


def list_legal_references(pack: PolicyPack, *, today: date) -> list[LegalReferenceItem]:
    """The legal basis, old texts included, with whether each holds today. Source: R83, Q23."""
    holding = {reference.number for reference in pack.legal_references_on(today)}
    return [
        LegalReferenceItem(
            number=reference.number,
            title=reference.title,
            effective_from=reference.effective_from,
            effective_to=reference.effective_to,
            replaced_by=reference.replaced_by,
            in_force=reference.number in holding,
        )
        for reference in pack.legal_references
    ]
