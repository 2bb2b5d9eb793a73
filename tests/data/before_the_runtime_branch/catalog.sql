-- The schema of catalog as releases before the runtime's branch left it, as pg_dump wrote it (ADR 0028),
-- without the digests in the comments of policies, which the migrator writes anew.
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.clock (
    one boolean DEFAULT true NOT NULL,
    offset_us bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_clock_clock_one_row CHECK (one)
);
CREATE TABLE public.correction (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    text text NOT NULL,
    ordered_by uuid NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_correction_due_at CHECK ((due_at > ordered_at))
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
CREATE TABLE public.delisting (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    ground text NOT NULL,
    evidence text NOT NULL,
    statement text DEFAULT ''::text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    decided_by uuid,
    reason text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    CONSTRAINT ck_delisting_decided CHECK (((state <> ALL (ARRAY['approved'::text, 'refused'::text])) OR (decided_by IS NOT NULL))),
    CONSTRAINT ck_delisting_evidence CHECK ((evidence <> ''::text)),
    CONSTRAINT ck_delisting_second_person CHECK ((decided_by <> proposed_by)),
    CONSTRAINT ck_delisting_state CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'refused'::text, 'withdrawn'::text, 'lapsed'::text])))
);
CREATE TABLE public.edition (
    product_id uuid NOT NULL,
    number integer NOT NULL,
    state text NOT NULL,
    name text NOT NULL,
    class_code text NOT NULL,
    description text NOT NULL,
    service_standard text NOT NULL,
    market_reference text NOT NULL,
    voucher boolean NOT NULL,
    components jsonb NOT NULL,
    checklist jsonb NOT NULL,
    declaration_version text,
    submitted_by uuid,
    submitted_at timestamp with time zone,
    drafted_at timestamp with time zone NOT NULL,
    state_since timestamp with time zone NOT NULL,
    correction text DEFAULT ''::text NOT NULL,
    returned_digest text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_edition_components CHECK (((jsonb_array_length(components) >= 1) AND (jsonb_array_length(components) <= 50))),
    CONSTRAINT ck_edition_number CHECK ((number >= 1)),
    CONSTRAINT ck_edition_state CHECK ((state = ANY (ARRAY['draft'::text, 'submitted'::text, 'reviewed'::text, 'sent_back'::text, 'published'::text, 'ended'::text]))),
    CONSTRAINT ck_edition_submitted CHECK (((state <> ALL (ARRAY['submitted'::text, 'reviewed'::text, 'published'::text])) OR ((submitted_by IS NOT NULL) AND (submitted_at IS NOT NULL) AND (declaration_version IS NOT NULL))))
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
CREATE TABLE public.lease (
    name text NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.listed_price (
    product_id uuid NOT NULL,
    code text NOT NULL,
    class_code text NOT NULL,
    unit_folded text NOT NULL,
    price_fen bigint NOT NULL,
    CONSTRAINT ck_listed_price_price_fen CHECK (((price_fen >= 1) AND (price_fen <= '1000000000000000'::bigint)))
);
CREATE TABLE public.listing (
    product_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    edition integer NOT NULL,
    class_code text NOT NULL,
    voucher boolean NOT NULL,
    lowest_price_fen bigint NOT NULL,
    search_text text NOT NULL,
    published_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_listing_lowest_price_fen CHECK (((lowest_price_fen >= 1) AND (lowest_price_fen <= '1000000000000000'::bigint)))
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
CREATE TABLE public.party (
    organisation_id uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    search_text text NOT NULL,
    region text NOT NULL,
    authenticated boolean NOT NULL,
    recognised boolean NOT NULL,
    suspended_since timestamp with time zone,
    closed boolean NOT NULL,
    CONSTRAINT ck_party_version CHECK ((version >= 1))
);
CREATE TABLE public.product (
    id uuid NOT NULL,
    provider_id uuid NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    edition integer NOT NULL,
    published_edition integer,
    delisting_ground text,
    created_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    delisted_at timestamp with time zone,
    CONSTRAINT ck_product_delisted CHECK (((state = 'delisted'::text) = ((delisted_at IS NOT NULL) AND (delisting_ground IS NOT NULL)))),
    CONSTRAINT ck_product_edition CHECK (((edition >= 1) AND ((published_edition >= 1) AND (published_edition <= edition)))),
    CONSTRAINT ck_product_published CHECK (((state = 'published'::text) = (published_edition IS NOT NULL))),
    CONSTRAINT ck_product_state CHECK ((state = ANY (ARRAY['draft'::text, 'published'::text, 'delisted'::text]))),
    CONSTRAINT ck_product_version CHECK ((version >= 1))
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
CREATE TABLE public.retry (
    event_id uuid NOT NULL,
    event bytea NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    due_at timestamp with time zone NOT NULL
);
CREATE TABLE public.review (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    edition integer NOT NULL,
    stage text NOT NULL,
    verdict text NOT NULL,
    text text NOT NULL,
    account_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ck_review_stage CHECK ((stage = ANY (ARRAY['operator'::text, 'bureau'::text]))),
    CONSTRAINT ck_review_verdict CHECK ((verdict = ANY (ARRAY['favourable'::text, 'unfavourable'::text, 'sent_back'::text, 'approved'::text])))
);
CREATE TABLE public.revocation (
    account_id uuid NOT NULL,
    tokens_before timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.signing_key (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    retired_at timestamp with time zone,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
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
ALTER TABLE ONLY public.clock
    ADD CONSTRAINT pk_clock PRIMARY KEY (one);
ALTER TABLE ONLY public.correction
    ADD CONSTRAINT pk_correction PRIMARY KEY (id);
ALTER TABLE ONLY public.cursor
    ADD CONSTRAINT pk_cursor PRIMARY KEY (stream, aggregate_id);
ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT pk_dead_letter PRIMARY KEY (event_id);
ALTER TABLE ONLY public.decision
    ADD CONSTRAINT pk_decision PRIMARY KEY (id);
ALTER TABLE ONLY public.delisting
    ADD CONSTRAINT pk_delisting PRIMARY KEY (id);
ALTER TABLE ONLY public.edition
    ADD CONSTRAINT pk_edition PRIMARY KEY (product_id, number);
ALTER TABLE ONLY public.ended_session
    ADD CONSTRAINT pk_ended_session PRIMARY KEY (session_id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT pk_inbox PRIMARY KEY (event_id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.listed_price
    ADD CONSTRAINT pk_listed_price PRIMARY KEY (product_id, code);
ALTER TABLE ONLY public.listing
    ADD CONSTRAINT pk_listing PRIMARY KEY (product_id);
ALTER TABLE ONLY public.notice
    ADD CONSTRAINT pk_notice PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT pk_parked PRIMARY KEY (stream, aggregate_id, version);
ALTER TABLE ONLY public.party
    ADD CONSTRAINT pk_party PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.product
    ADD CONSTRAINT pk_product PRIMARY KEY (id);
ALTER TABLE ONLY public.relay_partition
    ADD CONSTRAINT pk_relay_partition PRIMARY KEY (partition);
ALTER TABLE ONLY public.retry
    ADD CONSTRAINT pk_retry PRIMARY KEY (event_id);
ALTER TABLE ONLY public.review
    ADD CONSTRAINT pk_review PRIMARY KEY (id);
ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT pk_revocation PRIMARY KEY (account_id);
ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT pk_signing_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT pk_timer PRIMARY KEY (kind, key);
CREATE INDEX decision_subject ON public.decision USING btree (subject_id, id);
CREATE INDEX ended_session_ended_at ON public.ended_session USING btree (ended_at);
CREATE INDEX ended_session_noted_in ON public.ended_session USING btree (noted_in);
CREATE INDEX fact_aggregate ON ONLY public.fact USING btree (aggregate_id, version);
CREATE INDEX fact_default_aggregate_id_version_idx ON public.fact_default USING btree (aggregate_id, version);
CREATE INDEX inbox_received_at ON public.inbox USING brin (received_at);
CREATE INDEX ix_correction_product_id ON public.correction USING btree (product_id);
CREATE INDEX ix_delisting_product_id ON public.delisting USING btree (product_id);
CREATE INDEX ix_edition_waiting ON public.edition USING btree (state) WHERE (state = ANY (ARRAY['submitted'::text, 'reviewed'::text, 'sent_back'::text]));
CREATE INDEX ix_listed_price_class_code ON public.listed_price USING btree (class_code, unit_folded, price_fen);
CREATE INDEX ix_listing_class_code ON public.listing USING btree (class_code, product_id);
CREATE INDEX ix_listing_price ON public.listing USING btree (lowest_price_fen, product_id);
CREATE INDEX ix_listing_provider_id ON public.listing USING btree (provider_id);
CREATE INDEX ix_product_provider_id_id ON public.product USING btree (provider_id, id);
CREATE INDEX ix_review_product_id_edition ON public.review USING btree (product_id, edition);
CREATE INDEX notice_recipient_id ON public.notice USING btree (recipient, id);
CREATE INDEX outbox_partition_id ON public.outbox USING btree (partition, id);
CREATE INDEX revocation_noted_in ON public.revocation USING btree (noted_in);
CREATE INDEX signing_key_noted_in ON public.signing_key USING btree (noted_in);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
CREATE UNIQUE INDEX uq_delisting_proposed ON public.delisting USING btree (product_id) WHERE (state = 'proposed'::text);
CREATE UNIQUE INDEX uq_edition_open ON public.edition USING btree (product_id) WHERE (state = ANY (ARRAY['draft'::text, 'submitted'::text, 'reviewed'::text, 'sent_back'::text]));
CREATE UNIQUE INDEX uq_edition_published ON public.edition USING btree (product_id) WHERE (state = 'published'::text);
ALTER INDEX public.fact_aggregate ATTACH PARTITION public.fact_default_aggregate_id_version_idx;
ALTER INDEX public.pk_fact ATTACH PARTITION public.fact_default_pkey;
ALTER TABLE ONLY public.correction
    ADD CONSTRAINT fk_correction_product_id FOREIGN KEY (product_id) REFERENCES public.product(id);
ALTER TABLE ONLY public.delisting
    ADD CONSTRAINT fk_delisting_product_id FOREIGN KEY (product_id) REFERENCES public.product(id);
ALTER TABLE ONLY public.edition
    ADD CONSTRAINT fk_edition_product_id FOREIGN KEY (product_id) REFERENCES public.product(id);
ALTER TABLE ONLY public.listed_price
    ADD CONSTRAINT fk_listed_price_product_id FOREIGN KEY (product_id) REFERENCES public.listing(product_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.listing
    ADD CONSTRAINT fk_listing_product_id_edition FOREIGN KEY (product_id, edition) REFERENCES public.edition(product_id, number);
ALTER TABLE ONLY public.review
    ADD CONSTRAINT fk_review_product_id_edition FOREIGN KEY (product_id, edition) REFERENCES public.edition(product_id, number);
ALTER TABLE public.correction ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.delisting ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.edition ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.correction USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.decision USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.delisting USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.edition USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.fact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.notice USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.party USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.product USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.review USING (true) WITH CHECK (true);
ALTER TABLE public.fact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.product ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.review ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.correction AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = correction.product_id))));
CREATE POLICY tenant ON public.decision AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = decision.subject_id))));
CREATE POLICY tenant ON public.delisting AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = delisting.product_id))));
CREATE POLICY tenant ON public.edition AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = edition.product_id))));
CREATE POLICY tenant ON public.fact AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = fact.aggregate_id))));
CREATE POLICY tenant ON public.notice AS RESTRICTIVE FOR SELECT TO catalog_tenant USING (((recipient = ('org:'::text || ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))) OR (recipient = ANY (ARRAY['role:enterprise'::text, 'role:provider'::text]))));
CREATE POLICY tenant ON public.party AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.product AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.review AS RESTRICTIVE FOR SELECT TO catalog_tenant USING ((EXISTS ( SELECT
   FROM public.product above
  WHERE (above.id = review.product_id))));
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO catalog;
GRANT USAGE ON SCHEMA public TO catalog_tenant;
GRANT SELECT ON TABLE public.alembic_version TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clock TO catalog;
GRANT SELECT,INSERT ON TABLE public.correction TO catalog;
GRANT SELECT ON TABLE public.correction TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursor TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter TO catalog;
GRANT SELECT,INSERT ON TABLE public.decision TO catalog;
GRANT SELECT ON TABLE public.decision TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delisting TO catalog;
GRANT SELECT ON TABLE public.delisting TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.edition TO catalog;
GRANT SELECT ON TABLE public.edition TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_session TO catalog;
GRANT SELECT,INSERT ON TABLE public.fact TO catalog;
GRANT SELECT ON TABLE public.fact TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.listed_price TO catalog;
GRANT SELECT ON TABLE public.listed_price TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.listing TO catalog;
GRANT SELECT ON TABLE public.listing TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice TO catalog;
GRANT SELECT ON TABLE public.notice TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.party TO catalog;
GRANT SELECT ON TABLE public.party TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.product TO catalog;
GRANT SELECT ON TABLE public.product TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.relay_partition TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retry TO catalog;
GRANT SELECT,INSERT ON TABLE public.review TO catalog;
GRANT SELECT ON TABLE public.review TO catalog_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_key TO catalog;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO catalog;
INSERT INTO public.alembic_version VALUES ('0005');
