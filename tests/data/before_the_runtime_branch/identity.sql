-- The schema of identity as releases before the runtime's branch left it, as pg_dump wrote it (ADR 0028),
-- without the digests in the comments of policies, which the migrator writes anew.
CREATE TABLE public.account (
    id uuid NOT NULL,
    sign_in_name text NOT NULL,
    password_hash text NOT NULL,
    organisation_id uuid,
    roles text[] NOT NULL,
    region text,
    display_name text NOT NULL,
    state text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    designation_id uuid,
    CONSTRAINT ck_account_designation CHECK (((designation_id IS NULL) OR (organisation_id IS NULL))),
    CONSTRAINT ck_account_region CHECK ((('region'::text = ANY (roles)) = (region IS NOT NULL))),
    CONSTRAINT ck_account_roles CHECK ((cardinality(roles) >= 1)),
    CONSTRAINT ck_account_state CHECK ((state = ANY (ARRAY['active'::text, 'disabled'::text]))),
    CONSTRAINT ck_account_version CHECK ((version >= 1))
);
CREATE TABLE public.affiliation (
    id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    recorded_by uuid,
    recorded_at timestamp with time zone NOT NULL,
    ended_reason text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    version integer NOT NULL,
    origin text DEFAULT 'recorded'::text NOT NULL,
    standing text DEFAULT 'confirmed'::text NOT NULL,
    CONSTRAINT ck_affiliation_automatic CHECK (((origin = 'automatic'::text) = (kind = 'same_code'::text))),
    CONSTRAINT ck_affiliation_dismissed CHECK (((standing = 'confirmed'::text) OR ((standing = 'dismissed'::text) = (ended_at IS NOT NULL)))),
    CONSTRAINT ck_affiliation_judged CHECK (((standing = 'confirmed'::text) OR (origin = 'declared'::text))),
    CONSTRAINT ck_affiliation_kind CHECK ((kind = ANY (ARRAY['subordination'::text, 'joint_establishment'::text, 'property_tie'::text, 'same_code'::text, 'same_party'::text]))),
    CONSTRAINT ck_affiliation_not_in_force CHECK (((standing <> 'repeated'::text) OR (version = 0))),
    CONSTRAINT ck_affiliation_one_body_for_ever CHECK (((kind <> 'same_code'::text) OR (ended_at IS NULL))),
    CONSTRAINT ck_affiliation_origin CHECK ((origin = ANY (ARRAY['declared'::text, 'recorded'::text, 'automatic'::text]))),
    CONSTRAINT ck_affiliation_recorded CHECK (((origin = 'automatic'::text) OR (recorded_by IS NOT NULL))),
    CONSTRAINT ck_affiliation_standing CHECK ((standing = ANY (ARRAY['declared'::text, 'repeated'::text, 'confirmed'::text, 'dismissed'::text]))),
    CONSTRAINT ck_affiliation_version CHECK (((version =
CASE
    WHEN (ended_at IS NULL) THEN 1
    ELSE 2
END) OR ((version = 0) AND (standing = ANY (ARRAY['repeated'::text, 'dismissed'::text])))))
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.blacklist_entry (
    id uuid NOT NULL,
    credit_code text NOT NULL,
    organisation_name text NOT NULL,
    organ text NOT NULL,
    number text NOT NULL,
    decided_on date NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    approved_by uuid,
    approved_at timestamp with time zone,
    closed_reason text DEFAULT ''::text NOT NULL,
    closed_by uuid,
    closed_at timestamp with time zone,
    CONSTRAINT ck_blacklist_entry_approved CHECK (((state = ANY (ARRAY['approved'::text, 'lifted'::text])) = (approved_by IS NOT NULL))),
    CONSTRAINT ck_blacklist_entry_closed CHECK (((state = ANY (ARRAY['withdrawn'::text, 'refused'::text, 'lifted'::text])) = (closed_by IS NOT NULL))),
    CONSTRAINT ck_blacklist_entry_four_eyes CHECK ((approved_by <> proposed_by)),
    CONSTRAINT ck_blacklist_entry_state CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'withdrawn'::text, 'refused'::text, 'lifted'::text, 'lapsed'::text])))
);
CREATE TABLE public.blacklist_lifting (
    id uuid NOT NULL,
    entry_id uuid NOT NULL,
    organ text NOT NULL,
    number text NOT NULL,
    decided_on date NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    closed_reason text DEFAULT ''::text NOT NULL,
    closed_by uuid,
    closed_at timestamp with time zone,
    CONSTRAINT ck_blacklist_lifting_closed CHECK (((state = ANY (ARRAY['proposed'::text, 'lapsed'::text])) = (closed_by IS NULL))),
    CONSTRAINT ck_blacklist_lifting_four_eyes CHECK (((state <> 'approved'::text) OR (closed_by <> proposed_by))),
    CONSTRAINT ck_blacklist_lifting_state CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'withdrawn'::text, 'refused'::text, 'lapsed'::text])))
);
CREATE TABLE public.clock (
    one boolean DEFAULT true NOT NULL,
    offset_us bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_clock_clock_one_row CHECK (one)
);
CREATE TABLE public.contact (
    organisation_id uuid NOT NULL,
    name_sealed bytea NOT NULL,
    phone_sealed bytea NOT NULL,
    id_number_sealed bytea,
    id_number_index bytea,
    phone_index bytea,
    CONSTRAINT ck_contact_id_number CHECK (((id_number_sealed IS NULL) = (id_number_index IS NULL)))
);
CREATE TABLE public.cursor (
    stream text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_cursor_cursor_version CHECK ((version >= 0))
)
WITH (fillfactor='50');
CREATE TABLE public.dead_letter (
    event_id uuid NOT NULL,
    type text NOT NULL,
    event bytea NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    dead_at timestamp with time zone DEFAULT now() NOT NULL,
    proposed_by uuid,
    replayed_at timestamp with time zone
);
CREATE TABLE public.decision (
    id uuid NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    act text NOT NULL,
    account_id uuid,
    role text NOT NULL,
    ground text NOT NULL,
    rule text NOT NULL,
    pack_version text NOT NULL,
    before text DEFAULT ''::text NOT NULL,
    after text DEFAULT ''::text NOT NULL,
    facts jsonb NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.designation (
    id uuid NOT NULL,
    operator_name text NOT NULL,
    act text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone,
    recorded_by uuid NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_designation_in_order CHECK (((ends_at IS NULL) OR (ends_at >= starts_at)))
);
CREATE TABLE public.document (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    blob_key text NOT NULL,
    media_type text NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes integer NOT NULL,
    width_px integer,
    height_px integer,
    pages integer NOT NULL,
    legibility text NOT NULL,
    uploaded_by uuid NOT NULL,
    uploaded_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_document_version CHECK ((version >= 1))
);
CREATE TABLE public.ended_session (
    session_id uuid NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.fact (
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
PARTITION BY RANGE (recorded_at);
CREATE TABLE public.fact_default (
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE public.failed_sign_in (
    scope text NOT NULL,
    key bytea NOT NULL,
    failures integer NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_failed_sign_in_failures CHECK ((failures >= 1)),
    CONSTRAINT ck_failed_sign_in_scope CHECK ((scope = ANY (ARRAY['account'::text, 'network'::text, 'lane'::text, 'device'::text, 'second_factor'::text, 'registration'::text])))
);
CREATE TABLE public.idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    body bytea,
    resource text DEFAULT ''::text NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.inbox (
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.issuing_key (
    id uuid NOT NULL,
    kid text NOT NULL,
    public_key bytea NOT NULL,
    private_key_sealed bytea NOT NULL,
    usable_from timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    version integer NOT NULL,
    CONSTRAINT ck_issuing_key_version CHECK ((version =
CASE
    WHEN (retired_at IS NULL) THEN 1
    ELSE 2
END))
);
CREATE TABLE public.lease (
    name text NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.loose_file (
    blob_key text NOT NULL,
    remove_after timestamp with time zone NOT NULL
);
CREATE TABLE public.notice (
    id uuid NOT NULL,
    recipient text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    event text NOT NULL,
    text text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    article text DEFAULT ''::text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.organisation (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    credit_code text NOT NULL,
    region text NOT NULL,
    state text NOT NULL,
    recognition text NOT NULL,
    legal_person boolean NOT NULL,
    established_on date,
    size_class text NOT NULL,
    priority_listed boolean NOT NULL,
    suspended_since timestamp with time zone,
    closed boolean NOT NULL,
    check_flagged boolean NOT NULL,
    check_evidence text NOT NULL,
    reviewed_by uuid,
    registered_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    recognised_at timestamp with time zone,
    version integer NOT NULL,
    name_folded text DEFAULT ''::text NOT NULL,
    blacklisted_since timestamp with time zone,
    suspended_by_bureau boolean DEFAULT false NOT NULL,
    reinstatement_asked_by uuid,
    reinstatement_asked_at timestamp with time zone,
    body_held text,
    CONSTRAINT ck_organisation_asked_by CHECK (((reinstatement_asked_at IS NULL) = (reinstatement_asked_by IS NULL))),
    CONSTRAINT ck_organisation_body_held CHECK (((body_held IS NULL) OR ((state = 'authenticated'::text) AND (NOT closed)))),
    CONSTRAINT ck_organisation_kind CHECK ((kind = ANY (ARRAY['enterprise'::text, 'provider'::text]))),
    CONSTRAINT ck_organisation_legal_person CHECK (((kind = 'provider'::text) OR legal_person OR (state <> 'authenticated'::text))),
    CONSTRAINT ck_organisation_priority CHECK (((NOT priority_listed) OR (kind = 'enterprise'::text))),
    CONSTRAINT ck_organisation_recognised_after CHECK (((recognition = 'none'::text) OR ((kind = 'provider'::text) AND (state = 'authenticated'::text)))),
    CONSTRAINT ck_organisation_recognition CHECK ((recognition = ANY (ARRAY['none'::text, 'requested'::text, 'recognised'::text, 'refused'::text]))),
    CONSTRAINT ck_organisation_reinstatement_asked CHECK (((reinstatement_asked_at IS NULL) OR suspended_by_bureau)),
    CONSTRAINT ck_organisation_state CHECK ((state = ANY (ARRAY['registered'::text, 'submitted'::text, 'sent_back'::text, 'refused'::text, 'authenticated'::text]))),
    CONSTRAINT ck_organisation_version CHECK ((version >= 1))
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    partition smallint NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', toast_tuple_target='8000');
ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.parked (
    stream text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    event bytea NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.password_reset (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    parts integer NOT NULL,
    issued_by uuid NOT NULL,
    ground text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT ck_password_reset_in_order CHECK ((expires_at > issued_at)),
    CONSTRAINT ck_password_reset_parts CHECK ((parts = ANY (ARRAY[1, 2])))
);
CREATE TABLE public.priority_entry (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    listed boolean NOT NULL,
    source text NOT NULL,
    recorded_by uuid NOT NULL,
    recorded_at timestamp with time zone NOT NULL
);
CREATE TABLE public.recognition (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    outcome text NOT NULL,
    criteria jsonb NOT NULL,
    reason text NOT NULL,
    exception_reason text NOT NULL,
    decided_by uuid NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_recognition_outcome CHECK ((outcome = ANY (ARRAY['recognised'::text, 'refused'::text])))
);
CREATE TABLE public.recovery_code (
    account_id uuid NOT NULL,
    code_index bytea NOT NULL,
    used_at timestamp with time zone
);
CREATE TABLE public.refresh_token (
    token_hash bytea NOT NULL,
    family_id uuid NOT NULL,
    account_id uuid NOT NULL,
    state text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    rotated_at timestamp with time zone,
    client bytea DEFAULT '\x'::bytea NOT NULL,
    successor bytea,
    successor_sealed bytea,
    CONSTRAINT ck_refresh_token_state CHECK ((state = ANY (ARRAY['active'::text, 'rotated'::text, 'revoked'::text])))
);
CREATE TABLE public.relay_partition (
    partition smallint NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.relay_partition_partition_seq
    AS smallint
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.relay_partition_partition_seq OWNED BY public.relay_partition.partition;
CREATE TABLE public.resemblance (
    id uuid NOT NULL,
    first_id uuid NOT NULL,
    second_id uuid NOT NULL,
    grounds text[] NOT NULL,
    noticed_at timestamp with time zone NOT NULL,
    outcome text DEFAULT 'open'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    decided_by uuid,
    decided_at timestamp with time zone,
    CONSTRAINT ck_resemblance_decided CHECK (((outcome = 'open'::text) = (decided_by IS NULL))),
    CONSTRAINT ck_resemblance_grounds CHECK ((cardinality(grounds) >= 1)),
    CONSTRAINT ck_resemblance_in_order CHECK ((first_id < second_id)),
    CONSTRAINT ck_resemblance_outcome CHECK ((outcome = ANY (ARRAY['open'::text, 'different'::text, 'same'::text])))
);
CREATE TABLE public.retry (
    event_id uuid NOT NULL,
    event bytea NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    due_at timestamp with time zone NOT NULL
);
CREATE TABLE public.revocation (
    account_id uuid NOT NULL,
    tokens_before timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.second_factor (
    account_id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint NOT NULL
);
CREATE TABLE public.signing_key (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    retired_at timestamp with time zone,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.staff_proposal (
    id uuid NOT NULL,
    act text NOT NULL,
    account_id uuid,
    sign_in_name text NOT NULL,
    display_name text NOT NULL,
    roles text[] NOT NULL,
    region text,
    designation_id uuid,
    reason text NOT NULL,
    state text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by uuid,
    decision_reason text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    version integer NOT NULL,
    CONSTRAINT ck_staff_proposal_account CHECK (((act = 'open'::text) OR (account_id IS NOT NULL))),
    CONSTRAINT ck_staff_proposal_act CHECK ((act = ANY (ARRAY['open'::text, 'change_roles'::text, 'move'::text, 'enable'::text, 'reset_password'::text, 'reset_second_factor'::text]))),
    CONSTRAINT ck_staff_proposal_decided CHECK (((state = 'proposed'::text) = (decided_by IS NULL))),
    CONSTRAINT ck_staff_proposal_decided_at CHECK (((decided_by IS NULL) = (decided_at IS NULL))),
    CONSTRAINT ck_staff_proposal_designation CHECK (((act <> 'move'::text) OR (designation_id IS NOT NULL))),
    CONSTRAINT ck_staff_proposal_four_eyes CHECK (((state = 'withdrawn'::text) OR (decided_by <> proposed_by))),
    CONSTRAINT ck_staff_proposal_state CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'refused'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_staff_proposal_version CHECK ((version >= 1))
);
CREATE TABLE public.submission (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    documents jsonb NOT NULL,
    declaration_version text NOT NULL,
    declared_by uuid NOT NULL,
    submitted_at timestamp with time zone NOT NULL,
    outcome text DEFAULT 'open'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    document_reasons jsonb DEFAULT '{}'::jsonb NOT NULL,
    checklist jsonb DEFAULT '[]'::jsonb NOT NULL,
    decided_by uuid,
    decided_at timestamp with time zone,
    correction text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_submission_decided CHECK (((outcome = 'open'::text) = (decided_at IS NULL))),
    CONSTRAINT ck_submission_outcome CHECK ((outcome = ANY (ARRAY['open'::text, 'sent_back'::text, 'refused'::text, 'authenticated'::text])))
);
CREATE TABLE public.timer (
    kind text NOT NULL,
    key uuid NOT NULL,
    due_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.fact ATTACH PARTITION public.fact_default DEFAULT;
ALTER TABLE ONLY public.relay_partition ALTER COLUMN partition SET DEFAULT nextval('public.relay_partition_partition_seq'::regclass);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.fact
    ADD CONSTRAINT pk_fact PRIMARY KEY (event_id, recorded_at);
ALTER TABLE ONLY public.fact_default
    ADD CONSTRAINT fact_default_pkey PRIMARY KEY (event_id, recorded_at);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT pk_account PRIMARY KEY (id);
ALTER TABLE ONLY public.affiliation
    ADD CONSTRAINT pk_affiliation PRIMARY KEY (id);
ALTER TABLE ONLY public.blacklist_entry
    ADD CONSTRAINT pk_blacklist_entry PRIMARY KEY (id);
ALTER TABLE ONLY public.blacklist_lifting
    ADD CONSTRAINT pk_blacklist_lifting PRIMARY KEY (id);
ALTER TABLE ONLY public.clock
    ADD CONSTRAINT pk_clock PRIMARY KEY (one);
ALTER TABLE ONLY public.contact
    ADD CONSTRAINT pk_contact PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.cursor
    ADD CONSTRAINT pk_cursor PRIMARY KEY (stream, aggregate_id);
ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT pk_dead_letter PRIMARY KEY (event_id);
ALTER TABLE ONLY public.decision
    ADD CONSTRAINT pk_decision PRIMARY KEY (id);
ALTER TABLE ONLY public.designation
    ADD CONSTRAINT pk_designation PRIMARY KEY (id);
ALTER TABLE ONLY public.document
    ADD CONSTRAINT pk_document PRIMARY KEY (id);
ALTER TABLE ONLY public.ended_session
    ADD CONSTRAINT pk_ended_session PRIMARY KEY (session_id);
ALTER TABLE ONLY public.failed_sign_in
    ADD CONSTRAINT pk_failed_sign_in PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT pk_inbox PRIMARY KEY (event_id);
ALTER TABLE ONLY public.issuing_key
    ADD CONSTRAINT pk_issuing_key PRIMARY KEY (id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.loose_file
    ADD CONSTRAINT pk_loose_file PRIMARY KEY (blob_key);
ALTER TABLE ONLY public.notice
    ADD CONSTRAINT pk_notice PRIMARY KEY (id);
ALTER TABLE ONLY public.organisation
    ADD CONSTRAINT pk_organisation PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT pk_parked PRIMARY KEY (stream, aggregate_id, version);
ALTER TABLE ONLY public.password_reset
    ADD CONSTRAINT pk_password_reset PRIMARY KEY (id);
ALTER TABLE ONLY public.priority_entry
    ADD CONSTRAINT pk_priority_entry PRIMARY KEY (id);
ALTER TABLE ONLY public.recognition
    ADD CONSTRAINT pk_recognition PRIMARY KEY (id);
ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT pk_recovery_code PRIMARY KEY (account_id, code_index);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT pk_refresh_token PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.relay_partition
    ADD CONSTRAINT pk_relay_partition PRIMARY KEY (partition);
ALTER TABLE ONLY public.resemblance
    ADD CONSTRAINT pk_resemblance PRIMARY KEY (id);
ALTER TABLE ONLY public.retry
    ADD CONSTRAINT pk_retry PRIMARY KEY (event_id);
ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT pk_revocation PRIMARY KEY (account_id);
ALTER TABLE ONLY public.second_factor
    ADD CONSTRAINT pk_second_factor PRIMARY KEY (account_id);
ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT pk_signing_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.staff_proposal
    ADD CONSTRAINT pk_staff_proposal PRIMARY KEY (id);
ALTER TABLE ONLY public.submission
    ADD CONSTRAINT pk_submission PRIMARY KEY (id);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT pk_timer PRIMARY KEY (kind, key);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT uq_account_sign_in_name UNIQUE (sign_in_name);
ALTER TABLE ONLY public.document
    ADD CONSTRAINT uq_document_blob_key UNIQUE (blob_key);
ALTER TABLE ONLY public.document
    ADD CONSTRAINT uq_document_organisation_id_kind_version UNIQUE (organisation_id, kind, version);
ALTER TABLE ONLY public.issuing_key
    ADD CONSTRAINT uq_issuing_key_kid UNIQUE (kid);
ALTER TABLE ONLY public.resemblance
    ADD CONSTRAINT uq_resemblance_first_id_second_id UNIQUE (first_id, second_id);
CREATE UNIQUE INDEX affiliation_open ON public.affiliation USING btree (enterprise_id, provider_id, kind) WHERE ((ended_at IS NULL) AND (standing <> 'repeated'::text));
CREATE INDEX affiliation_provider_id ON public.affiliation USING btree (provider_id);
CREATE UNIQUE INDEX affiliation_repeated ON public.affiliation USING btree (enterprise_id, provider_id, kind) WHERE ((ended_at IS NULL) AND (standing = 'repeated'::text));
CREATE INDEX affiliation_waiting ON public.affiliation USING btree (id) WHERE ((ended_at IS NULL) AND (standing = ANY (ARRAY['declared'::text, 'repeated'::text])));
CREATE UNIQUE INDEX blacklist_entry_open ON public.blacklist_entry USING btree ("left"(credit_code, 17)) WHERE (state = ANY (ARRAY['proposed'::text, 'approved'::text]));
CREATE UNIQUE INDEX blacklist_lifting_open ON public.blacklist_lifting USING btree (entry_id) WHERE (state = 'proposed'::text);
CREATE INDEX decision_subject ON public.decision USING btree (subject_id, id);
CREATE INDEX ended_session_ended_at ON public.ended_session USING btree (ended_at);
CREATE INDEX ended_session_noted_in ON public.ended_session USING btree (noted_in);
CREATE INDEX fact_aggregate ON ONLY public.fact USING btree (aggregate_id, version);
CREATE INDEX fact_default_aggregate_id_version_idx ON public.fact_default USING btree (aggregate_id, version);
CREATE INDEX inbox_received_at ON public.inbox USING brin (received_at);
CREATE INDEX ix_account_designation_id ON public.account USING btree (designation_id);
CREATE INDEX ix_account_organisation_id ON public.account USING btree (organisation_id);
CREATE INDEX ix_contact_id_number_index ON public.contact USING btree (id_number_index);
CREATE INDEX ix_contact_phone_index ON public.contact USING btree (phone_index);
CREATE INDEX ix_organisation_name_folded ON public.organisation USING btree (name_folded);
CREATE INDEX ix_password_reset_account_id ON public.password_reset USING btree (account_id);
CREATE INDEX ix_priority_entry_organisation_id ON public.priority_entry USING btree (organisation_id);
CREATE INDEX ix_recognition_organisation_id ON public.recognition USING btree (organisation_id);
CREATE INDEX ix_refresh_token_account_id ON public.refresh_token USING btree (account_id);
CREATE INDEX ix_refresh_token_family_id ON public.refresh_token USING btree (family_id);
CREATE INDEX ix_resemblance_second_id ON public.resemblance USING btree (second_id);
CREATE INDEX ix_staff_proposal_account_id ON public.staff_proposal USING btree (account_id);
CREATE INDEX ix_submission_organisation_id ON public.submission USING btree (organisation_id);
CREATE INDEX loose_file_remove_after ON public.loose_file USING btree (remove_after);
CREATE INDEX notice_recipient_id ON public.notice USING btree (recipient, id);
CREATE INDEX organisation_body ON public.organisation USING btree ("left"(credit_code, 17));
CREATE UNIQUE INDEX organisation_body_held ON public.organisation USING btree (kind, body_held);
CREATE INDEX organisation_credit_code ON public.organisation USING btree (credit_code);
CREATE INDEX organisation_recognition_id ON public.organisation USING btree (recognition, id);
CREATE INDEX organisation_region_id ON public.organisation USING btree (region, id);
CREATE INDEX organisation_state_id ON public.organisation USING btree (state, id);
CREATE INDEX outbox_partition_id ON public.outbox USING btree (partition, id);
CREATE UNIQUE INDEX password_reset_open ON public.password_reset USING btree (account_id) WHERE (used_at IS NULL);
CREATE INDEX refresh_token_expires_at ON public.refresh_token USING btree (expires_at);
CREATE INDEX refresh_token_sealed ON public.refresh_token USING btree (rotated_at) WHERE (successor_sealed IS NOT NULL);
CREATE INDEX resemblance_open ON public.resemblance USING btree (id) WHERE (outcome = 'open'::text);
CREATE INDEX revocation_noted_in ON public.revocation USING btree (noted_in);
CREATE INDEX signing_key_noted_in ON public.signing_key USING btree (noted_in);
CREATE INDEX staff_proposal_state_id ON public.staff_proposal USING btree (state, id);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
ALTER INDEX public.fact_aggregate ATTACH PARTITION public.fact_default_aggregate_id_version_idx;
ALTER INDEX public.pk_fact ATTACH PARTITION public.fact_default_pkey;
ALTER TABLE ONLY public.account
    ADD CONSTRAINT fk_account_designation_id FOREIGN KEY (designation_id) REFERENCES public.designation(id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT fk_account_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.affiliation
    ADD CONSTRAINT fk_affiliation_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.affiliation
    ADD CONSTRAINT fk_affiliation_provider_id FOREIGN KEY (provider_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.blacklist_lifting
    ADD CONSTRAINT fk_blacklist_lifting_entry_id FOREIGN KEY (entry_id) REFERENCES public.blacklist_entry(id);
ALTER TABLE ONLY public.contact
    ADD CONSTRAINT fk_contact_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.document
    ADD CONSTRAINT fk_document_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.password_reset
    ADD CONSTRAINT fk_password_reset_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.priority_entry
    ADD CONSTRAINT fk_priority_entry_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.recognition
    ADD CONSTRAINT fk_recognition_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT fk_recovery_code_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT fk_refresh_token_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.resemblance
    ADD CONSTRAINT fk_resemblance_first_id FOREIGN KEY (first_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.resemblance
    ADD CONSTRAINT fk_resemblance_second_id FOREIGN KEY (second_id) REFERENCES public.organisation(id);
ALTER TABLE ONLY public.second_factor
    ADD CONSTRAINT fk_second_factor_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.staff_proposal
    ADD CONSTRAINT fk_staff_proposal_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);
ALTER TABLE ONLY public.staff_proposal
    ADD CONSTRAINT fk_staff_proposal_designation_id FOREIGN KEY (designation_id) REFERENCES public.designation(id);
ALTER TABLE ONLY public.submission
    ADD CONSTRAINT fk_submission_organisation_id FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);
ALTER TABLE public.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.affiliation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.blacklist_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.blacklist_lifting ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.document ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.account USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.affiliation USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.blacklist_entry USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.blacklist_lifting USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.contact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.decision USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.document USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.notice USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.organisation USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.priority_entry USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.recognition USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.resemblance USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.staff_proposal USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.submission USING (true) WITH CHECK (true);
ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.organisation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.priority_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.recognition ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.resemblance ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.staff_proposal ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.submission ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.account AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.affiliation AS RESTRICTIVE FOR SELECT TO identity_tenant USING (((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))));
CREATE POLICY tenant ON public.blacklist_entry AS RESTRICTIVE FOR SELECT TO identity_tenant USING (false);
CREATE POLICY tenant ON public.blacklist_lifting AS RESTRICTIVE FOR SELECT TO identity_tenant USING (false);
CREATE POLICY tenant ON public.contact AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.decision AS RESTRICTIVE FOR SELECT TO identity_tenant USING (((subject_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (EXISTS ( SELECT
   FROM public.affiliation above
  WHERE (above.id = decision.subject_id)))));
CREATE POLICY tenant ON public.document AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.notice AS RESTRICTIVE FOR SELECT TO identity_tenant USING (((recipient = ('org:'::text || ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))) OR (recipient = ANY (ARRAY['role:enterprise'::text, 'role:provider'::text]))));
CREATE POLICY tenant ON public.organisation AS RESTRICTIVE FOR SELECT TO identity_tenant USING (((id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (EXISTS ( SELECT
   FROM public.affiliation above
  WHERE (above.enterprise_id = organisation.id))) OR (EXISTS ( SELECT
   FROM public.affiliation above
  WHERE (above.provider_id = organisation.id)))));
CREATE POLICY tenant ON public.priority_entry AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.recognition AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.resemblance AS RESTRICTIVE FOR SELECT TO identity_tenant USING (false);
CREATE POLICY tenant ON public.staff_proposal AS RESTRICTIVE FOR SELECT TO identity_tenant USING (false);
CREATE POLICY tenant ON public.submission AS RESTRICTIVE FOR SELECT TO identity_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO identity;
GRANT USAGE ON SCHEMA public TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.account TO identity;
GRANT SELECT ON TABLE public.account TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.affiliation TO identity;
GRANT SELECT ON TABLE public.affiliation TO identity_tenant;
GRANT SELECT ON TABLE public.alembic_version TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.blacklist_entry TO identity;
GRANT SELECT ON TABLE public.blacklist_entry TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.blacklist_lifting TO identity;
GRANT SELECT ON TABLE public.blacklist_lifting TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clock TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contact TO identity;
GRANT SELECT ON TABLE public.contact TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursor TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter TO identity;
GRANT SELECT,INSERT ON TABLE public.decision TO identity;
GRANT SELECT ON TABLE public.decision TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.designation TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.document TO identity;
GRANT SELECT ON TABLE public.document TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_session TO identity;
GRANT SELECT,INSERT ON TABLE public.fact TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.failed_sign_in TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issuing_key TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.loose_file TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice TO identity;
GRANT SELECT ON TABLE public.notice TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.organisation TO identity;
GRANT SELECT ON TABLE public.organisation TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.password_reset TO identity;
GRANT SELECT,INSERT ON TABLE public.priority_entry TO identity;
GRANT SELECT ON TABLE public.priority_entry TO identity_tenant;
GRANT SELECT,INSERT ON TABLE public.recognition TO identity;
GRANT SELECT ON TABLE public.recognition TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.recovery_code TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refresh_token TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.relay_partition TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.resemblance TO identity;
GRANT SELECT ON TABLE public.resemblance TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retry TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.second_factor TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_key TO identity;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.staff_proposal TO identity;
GRANT SELECT ON TABLE public.staff_proposal TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.submission TO identity;
GRANT SELECT ON TABLE public.submission TO identity_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO identity;
INSERT INTO public.alembic_version VALUES ('0008');
