"""The "no"s about machine clients and their keys."""

from shared.kernel.refusals import Refusal, RefusalKind


class ScopesNotOwn(Refusal):
    """A client may do only what its organisation may do itself, and some of it only people may."""

    code = "identity.client_scopes_not_own"
    kind = RefusalKind.RULE
    zh = "所选权限范围中，有的不存在、超出本单位可办理的事项，或只能由人员办理。"


class ClientsTooMany(Refusal):
    """An organisation has so many clients at most."""

    code = "identity.clients_too_many"
    kind = RefusalKind.RULE
    zh = "每个单位最多可有 {clients_max} 个应用客户端，请先删除不再使用的客户端。"


class ClientDeleted(Refusal):
    """The client was deleted; nothing about it changes any more."""

    code = "identity.client_deleted"
    kind = RefusalKind.STATE
    zh = "该应用客户端已删除。"


class ClientNotActive(Refusal):
    """Only an active client is suspended."""

    code = "identity.client_not_active"
    kind = RefusalKind.STATE
    zh = "该应用客户端已暂停。"


class ClientNotSuspended(Refusal):
    """Only a suspended client is resumed."""

    code = "identity.client_not_suspended"
    kind = RefusalKind.STATE
    zh = "该应用客户端未被暂停。"


class KeysTooMany(Refusal):
    """Two live keys suffice to change from one to the other."""

    code = "identity.client_keys_too_many"
    kind = RefusalKind.RULE
    zh = "每个应用客户端最多可有 {keys_max} 个有效公钥，请先停用旧公钥。"


class KeyKnown(Refusal):
    """The key is, or was, some client's: a key is never two clients', and a retired one does not come back."""

    code = "identity.client_key_known"
    kind = RefusalKind.STATE
    zh = "该公钥已被登记过，请生成新的密钥。"


class KeyPrivate(Refusal):
    """What was sent holds a private key, which now has to be thrown away."""

    code = "identity.client_key_private"
    kind = RefusalKind.RULE
    zh = "提交的内容含有私钥。平台不接收私钥；该密钥已不安全，请更换后只提交公钥。"


class KeyUnusable(Refusal):
    """The key is not a public Ed25519 or P-256 key in one of the forms that are read."""

    code = "identity.client_key_unusable"
    kind = RefusalKind.RULE
    zh = "公钥无效（{reason}）。请按接入文档生成密钥，以 PEM、JWK 或 JWKS 形式提交公钥。"


class KeyTermInvalid(Refusal):
    """A key ends after its addition, and after two years at the latest."""

    code = "identity.client_key_term_invalid"
    kind = RefusalKind.RULE
    zh = "公钥的到期时间须在将来，且最长不超过 {days_max} 天。"


class KeyRetiredAlready(Refusal):
    """The key was retired before."""

    code = "identity.client_key_retired"
    kind = RefusalKind.STATE
    zh = "该公钥已停用。"
