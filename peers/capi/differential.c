/*
 * The same random policies and operations through two libraries in one
 * process: differential REFERENCE.so OURS.so ROUNDS SEED
 *
 * Statuses, lengths and octets have to be equal. Where this library differs on
 * purpose, the case is counted under a name, with its reason in
 * srtp-capi/DIFFERENCES.md, and the round ends there.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <srtp2/auth.h>
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

#define MAX_PACKET 2048
#define KEPT 64
#define ROUNDS_EACH 50

struct library {
    const char *name;
    srtp_err_status_t (*init)(void);
    srtp_err_status_t (*create)(srtp_t *, const srtp_policy_t *);
    srtp_err_status_t (*dealloc)(srtp_t);
    srtp_err_status_t (*add_stream)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*remove_stream)(srtp_t, unsigned int);
    srtp_err_status_t (*update)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*update_stream)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*replace_auth)(const srtp_auth_type_t *, srtp_auth_type_id_t);
    srtp_err_status_t (*use_cryptex)(srtp_t, const srtp_ssrc_t *, int); /* from 2.8 on */
    srtp_err_status_t (*set_roc)(srtp_t, uint32_t, uint32_t);
    srtp_err_status_t (*get_roc)(srtp_t, uint32_t, uint32_t *);
    srtp_err_status_t (*trailer)(srtp_t, uint32_t, uint32_t, uint32_t *);
    srtp_err_status_t (*rtcp_trailer)(srtp_t, uint32_t, uint32_t, uint32_t *);
    srtp_err_status_t (*protect)(srtp_t, void *, int *, unsigned, unsigned);
    srtp_err_status_t (*unprotect)(srtp_t, void *, int *, unsigned);
    srtp_err_status_t (*protect_rtcp)(srtp_t, void *, int *, unsigned, unsigned);
    srtp_err_status_t (*unprotect_rtcp)(srtp_t, void *, int *, unsigned);
    srtp_err_status_t (*install_events)(srtp_event_handler_func_t);
    unsigned events;
    srtp_t sender, receiver;
};

static struct library reference = { .name = "reference" }, ours = { .name = "ours" };
static struct library *both[2] = { &reference, &ours };

/* Random numbers, the same for the same seed everywhere. */
static uint64_t state;
static uint32_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}
static uint32_t below(uint32_t n) { return rnd() % n; }
static int one_in(uint32_t n) { return below(n) == 0; }

/* What a round's own process leaves behind, whatever becomes of it. */
static struct shared {
    unsigned long operations, accepted, refused;
    int inside; /* 1 the reference, 2 ours */
    struct { char name[96]; unsigned long count; } kept[KEPT];
} *shared;

/* What differs on purpose. */
static int keep(const char *name)
{
    for (int i = 0; i < KEPT; i++) {
        if (!shared->kept[i].count || !strcmp(shared->kept[i].name, name)) {
            snprintf(shared->kept[i].name, sizeof shared->kept[i].name, "%s", name);
            shared->kept[i].count++;
            return 1;
        }
    }
    return 0;
}

static void reference_event(srtp_event_data_t *data) { reference.events = reference.events * 31 + data->ssrc + data->event + 1; }
static void our_event(srtp_event_data_t *data) { ours.events = ours.events * 31 + data->ssrc + data->event + 1; }

static void *symbol(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (!found) {
        fprintf(stderr, "no %s: %s\n", name, dlerror());
        exit(2);
    }
    return found;
}

/* An authentication function of the caller's: FNV-1a over the key and the octets. */
#define OWN_AUTH 77
struct own_auth { uint64_t keyed, sum; };
static srtp_auth_type_t own_auth;
static void absorb(uint64_t *sum, const uint8_t *octets, int len)
{
    for (int i = 0; i < len; i++)
        *sum = (*sum ^ octets[i]) * 0x100000001b3ull;
}
static srtp_err_status_t own_alloc(srtp_auth_pointer_t *auth, int key_len, int tag_len)
{
    if (!(*auth = calloc(1, sizeof **auth)) || !((*auth)->state = calloc(1, sizeof(struct own_auth))))
        return srtp_err_status_alloc_fail;
    (*auth)->type = &own_auth;
    (*auth)->key_len = key_len;
    (*auth)->out_len = tag_len;
    return srtp_err_status_ok;
}
static srtp_err_status_t own_dealloc(srtp_auth_pointer_t auth)
{
    free(auth->state);
    free(auth);
    return srtp_err_status_ok;
}
static srtp_err_status_t own_init(void *state, const uint8_t *key, int len)
{
    struct own_auth *own = state;
    own->keyed = 0xcbf29ce484222325ull;
    absorb(&own->keyed, key, len);
    return srtp_err_status_ok;
}
static srtp_err_status_t own_start(void *state)
{
    struct own_auth *own = state;
    own->sum = own->keyed;
    return srtp_err_status_ok;
}
static srtp_err_status_t own_update(void *state, const uint8_t *octets, int len)
{
    struct own_auth *own = state;
    absorb(&own->sum, octets, len);
    return srtp_err_status_ok;
}
static srtp_err_status_t own_compute(void *state, const uint8_t *octets, int len, int tag_len, uint8_t *tag)
{
    struct own_auth *own = state;
    absorb(&own->sum, octets, len);
    for (int i = 0; i < tag_len; i++)
        tag[i] = (uint8_t)(own->sum >> 8 * (i % 8));
    return srtp_err_status_ok;
}
static uint8_t case_key[] = { 1 }, case_data[] = { 2 }, case_tag[4];
static srtp_auth_test_case_t own_case = { 1, case_key, 1, case_data, 4, case_tag, NULL };
static srtp_auth_type_t own_auth = {
    own_alloc, own_dealloc, own_init, own_compute, own_update, own_start, "own", &own_case, OWN_AUTH,
};
static void draw_own_case(void)
{
    struct own_auth own;
    own_init(&own, case_key, 1);
    own_start(&own);
    own_compute(&own, case_data, 1, 4, case_tag);
}

static void load(struct library *library, const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    library->init = symbol(handle, "srtp_init");
    library->create = symbol(handle, "srtp_create");
    library->dealloc = symbol(handle, "srtp_dealloc");
    library->add_stream = symbol(handle, "srtp_add_stream");
    library->remove_stream = symbol(handle, "srtp_remove_stream");
    library->update = symbol(handle, "srtp_update");
    library->update_stream = symbol(handle, "srtp_update_stream");
    library->replace_auth = symbol(handle, "srtp_replace_auth_type");
    library->use_cryptex = (srtp_err_status_t (*)(srtp_t, const srtp_ssrc_t *, int))dlsym(handle, "srtp_set_stream_use_cryptex");
    library->set_roc = symbol(handle, "srtp_set_stream_roc");
    library->get_roc = symbol(handle, "srtp_get_stream_roc");
    library->trailer = symbol(handle, "srtp_get_protect_trailer_length");
    library->rtcp_trailer = symbol(handle, "srtp_get_protect_rtcp_trailer_length");
    library->protect = symbol(handle, "srtp_protect_mki");
    library->unprotect = symbol(handle, "srtp_unprotect_mki");
    library->protect_rtcp = symbol(handle, "srtp_protect_rtcp_mki");
    library->unprotect_rtcp = symbol(handle, "srtp_unprotect_rtcp_mki");
    library->install_events = symbol(handle, "srtp_install_event_handler");
    if (library->init()) {
        fprintf(stderr, "%s: srtp_init fails\n", library->name);
        exit(2);
    }
    if (library->replace_auth(&own_auth, OWN_AUTH)) {
        fprintf(stderr, "%s: srtp_replace_auth_type fails\n", library->name);
        exit(2);
    }
}

/* A stream's crypto, as a round draws it. */
static unsigned char key_octets[4][64], mki_octets[4][128];
static srtp_master_key_t master_keys[4], *master_key_list[4];
static int extension_ids[8];

struct round {
    srtp_policy_t policy;
    int gcm, keys, cipher, rtp_tag, rtcp_tag;
    int encrypts_rtp, authenticates_rtp, has_ids;
};

static void fill(unsigned char *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        octets[i] = (unsigned char)rnd();
}

static void draw_keys(struct round *r)
{
    for (int i = 0; i < 4; i++) {
        fill(key_octets[i], sizeof key_octets[i]);
        fill(mki_octets[i], sizeof mki_octets[i]);
        master_keys[i].key = key_octets[i];
        master_keys[i].mki_id = mki_octets[i];
        master_keys[i].mki_size = one_in(8) ? 1 + below(SRTP_MAX_MKI_LEN) : 1 + below(4);
        master_key_list[i] = &master_keys[i];
    }
    r->policy.key = NULL;
    r->policy.keys = NULL;
    r->policy.num_master_keys = 0;
    if (one_in(2)) {
        r->keys = 1;
        r->policy.key = key_octets[0];
    } else {
        r->keys = 1 + (int)below(3);
        r->policy.keys = master_key_list;
        r->policy.num_master_keys = (unsigned long)r->keys;
    }
}

static struct round draw_round(void)
{
    static const struct { int type, len; } ciphers[] = {
        { SRTP_AES_ICM_128, 30 }, { SRTP_AES_ICM_192, 38 }, { SRTP_AES_ICM_256, 46 },
        { SRTP_NULL_CIPHER, 30 }, { SRTP_AES_GCM_128, 28 }, { SRTP_AES_GCM_256, 44 },
    };
    static const int tags[] = { 4, 10, 10, 4, 8, 16, 12 };
    struct round r;
    memset(&r, 0, sizeof r);
    r.cipher = (int)below(6);
    r.gcm = r.cipher >= 4;
    srtp_crypto_policy_t *halves[2] = { &r.policy.rtp, &r.policy.rtcp };
    for (int i = 0; i < 2; i++) {
        srtp_crypto_policy_t *half = halves[i];
        half->cipher_type = (srtp_cipher_type_id_t)ciphers[r.cipher].type;
        half->cipher_key_len = ciphers[r.cipher].len;
        if (r.gcm) {
            half->auth_type = one_in(4) ? SRTP_HMAC_SHA1 : SRTP_NULL_AUTH;
            half->auth_tag_len = one_in(4) ? 8 : 16;
            half->sec_serv = one_in(3) ? sec_serv_auth : one_in(3) ? sec_serv_conf : sec_serv_conf_and_auth;
        } else {
            half->auth_type = SRTP_HMAC_SHA1;
            half->auth_key_len = one_in(5) ? 16 : 20;
            half->auth_tag_len = tags[below(7)];
            half->sec_serv = r.cipher == 3 || one_in(5) ? sec_serv_auth : sec_serv_conf_and_auth;
            if (one_in(6))
                half->auth_type = OWN_AUTH;
            if (i == 0 && one_in(12))
                half->sec_serv &= ~(unsigned)sec_serv_auth;
            if (one_in(8)) {
                half->auth_type = SRTP_NULL_AUTH;
                half->auth_key_len = half->auth_tag_len = 0;
                half->sec_serv = r.cipher == 3 ? sec_serv_none : sec_serv_conf;
            }
        }
    }
    /* Half an AEAD is none: both are of one kind. NULL goes with any counter mode. */
    if (!r.gcm && one_in(6)) {
        srtp_crypto_policy_t *half = halves[below(2)];
        half->cipher_type = SRTP_NULL_CIPHER;
        half->cipher_key_len = 30;
        half->sec_serv &= ~(unsigned)sec_serv_conf;
    }
    r.rtp_tag = r.policy.rtp.auth_tag_len;
    r.rtcp_tag = r.policy.rtcp.auth_tag_len;
    draw_keys(&r);
    static const unsigned long windows[] = { 0, 64, 100, 128, 1024, 4000, 0x7fff };
    r.policy.window_size = windows[below(7)];
    r.policy.allow_repeat_tx = one_in(4);
    if (one_in(4) && r.policy.rtp.cipher_type != SRTP_NULL_CIPHER) {
        r.has_ids = 1;
        r.policy.enc_xtn_hdr = extension_ids;
        r.policy.enc_xtn_hdr_count = 1 + (int)below(4);
        for (int i = 0; i < 8; i++)
            extension_ids[i] = 1 + (int)below(8);
    }
    return r;
}

static const uint32_t ssrcs[] = { 0xcafebabe, 0x00000001, 0xdeadbeef, 0xffffffff };
static uint16_t seqs[4];

static int draw_rtp(unsigned char *packet, struct round *r, int which)
{
    int len = 12;
    fill(packet, 12);
    packet[0] = 0x80;
    if (one_in(4))
        seqs[which] = (uint16_t)(seqs[which] - below(200));
    else if (one_in(20))
        seqs[which] = (uint16_t)(seqs[which] + below(40000));
    else
        seqs[which] = (uint16_t)(seqs[which] + 1 + (one_in(5) ? below(300) : 0));
    packet[2] = (unsigned char)(seqs[which] >> 8);
    packet[3] = (unsigned char)seqs[which];
    uint32_t ssrc = htonl(ssrcs[which]);
    memcpy(packet + 8, &ssrc, 4);
    if (one_in(4)) {
        int csrcs = (int)below(4);
        packet[0] |= (unsigned char)csrcs;
        fill(packet + len, (size_t)csrcs * 4);
        len += csrcs * 4;
    }
    if (one_in(3)) {
        int words = 0, start = len + 4;
        packet[0] |= 0x10;
        if (r->has_ids || one_in(2)) {
            int two = one_in(2), at = start;
            for (int n = (int)below(4); n > 0; n--) {
                int size = 1 + (int)below(7);
                packet[at++] = (unsigned char)(two ? 1 + below(8) : (1 + below(8)) << 4 | (unsigned)(size - 1));
                if (two)
                    packet[at++] = (unsigned char)size;
                fill(packet + at, (size_t)size);
                at += size;
            }
            while ((at - start) % 4)
                packet[at++] = 0;
            words = (at - start) / 4;
            packet[len] = two ? 0x10 : 0xbe;
            packet[len + 1] = two ? 0x00 : 0xde;
        } else {
            words = (int)below(5);
            fill(packet + len, (size_t)words * 4 + 4);
            packet[len] = 0x55;
        }
        packet[len + 2] = 0;
        packet[len + 3] = (unsigned char)words;
        len = start + words * 4;
    }
    int payload = one_in(6) ? 0 : (int)below(one_in(10) ? 1200 : 200);
    fill(packet + len, (size_t)payload);
    return len + payload;
}

static int draw_rtcp(unsigned char *packet, int which)
{
    int len = 8 + 4 * (int)below(20);
    if (one_in(10))
        len = 8 + (int)below(80);
    fill(packet, (size_t)len);
    packet[0] = (unsigned char)(0x80 | (packet[0] & 0x3f));
    packet[1] = 200;
    uint32_t ssrc = htonl(ssrcs[which]);
    memcpy(packet + 4, &ssrc, 4);
    return len;
}

static const char *what;
static struct round current;
static int quiet;
static int disagree(const char *text, long a, long b)
{
    if (quiet)
        return 1;
    printf("DIFFERENT: %s: %s: reference %ld, ours %ld\n", what, text, a, b);
    printf("  cipher %u/%d rtp tag %d type %u klen %d serv %d; rtcp type %u tag %d auth %u serv %d; keys %d mki %lu window %lu repeat %d ids %d\n",
           current.policy.rtp.cipher_type, current.policy.rtp.cipher_key_len, current.policy.rtp.auth_tag_len,
           current.policy.rtp.auth_type, current.policy.rtp.auth_key_len, current.policy.rtp.sec_serv,
           current.policy.rtcp.cipher_type, current.policy.rtcp.auth_tag_len, current.policy.rtcp.auth_type,
           current.policy.rtcp.sec_serv, current.keys, current.policy.num_master_keys, current.policy.window_size,
           current.policy.allow_repeat_tx, current.policy.enc_xtn_hdr_count);
    return 1;
}



/*
 * Where a library's stream is, and a ROC that was set for it. 2.5.0 is done with
 * the ROC when it makes a packet jump; it holds all later ones against one that
 * came near the newest packet by itself, with which ours is done as well.
 */
static struct track { uint64_t newest; uint32_t set_roc; int is_held, is_own; } tracks[2][4];

static uint64_t nearest(uint64_t newest, uint16_t seq)
{
    uint64_t roc = newest >> 16;
    int at = (int)(newest & 0xffff);
    if (newest <= 0x8000)
        return seq;
    if (at < 0x8000)
        return (seq - at > 0x8000 ? roc - 1 : roc) << 16 | seq;
    return (at - 0x8000 > seq ? roc + 1 : roc) << 16 | seq;
}
static uint16_t seq_of(const unsigned char *packet) { return (uint16_t)(packet[2] << 8 | packet[3]); }
static uint64_t with_set_roc(const struct track *track, uint16_t seq) { return (uint64_t)track->set_roc << 16 | seq; }

/* Whether 2.5.0 gives a packet another index than RFC 3711 does, since it holds it against a ROC. */
static int is_misjudged(const struct track *track, uint16_t seq)
{
    return track->is_held && with_set_roc(track, seq) != nearest(track->newest, seq);
}
/* What it answers then: the index lies before or beyond half the numbers. */
static int answers_so(const struct track *track, uint16_t seq, int protects, srtp_err_status_t status)
{
    if (with_set_roc(track, seq) < track->newest)
        return status == srtp_err_status_pkt_idx_old;
    return status == srtp_err_status_ok || (!protects && status == srtp_err_status_auth_fail);
}
static void has_passed(struct track *track, uint16_t seq)
{
    uint64_t index = track->set_roc ? with_set_roc(track, seq) : nearest(track->newest, seq);
    if (track->set_roc) {
        track->is_held = index <= track->newest + 0x8000;
        if (!track->is_held)
            track->set_roc = 0;
    }
    if (index > track->newest)
        track->newest = index;
}
static void set_roc(struct track *track, uint32_t roc)
{
    track->set_roc = roc;
    track->is_held = 0;
}

/* 0 equal, 1 different, 2 the round ends with a difference kept on purpose */
static int verbose;
static int compare(srtp_err_status_t a, srtp_err_status_t b)
{
    if (verbose)
        printf("%s: %d %d\n", what, a, b);
    shared->operations++;
    if (a == srtp_err_status_ok)
        shared->accepted++;
    else
        shared->refused++;
    if (a != b)
        return disagree("status", a, b);
    return 0;
}

static int compare_packets(srtp_err_status_t status, unsigned char (*packets)[MAX_PACKET], int *lens)
{
    if (status)
        return 0;
    if (lens[0] != lens[1])
        return disagree("length", lens[0], lens[1]);
    if (memcmp(packets[0], packets[1], (size_t)lens[0])) {
        for (int i = 0; i < lens[0]; i++) {
            if (packets[0][i] != packets[1][i])
                return disagree("octet", i, lens[0]);
        }
    }
    return 0;
}

static int run_round(void)
{
    struct round r = current = draw_round();
    unsigned char packets[2][MAX_PACKET], wire[64][MAX_PACKET];
    int wire_len[64], wire_which[64], wire_mki[64], wire_rtcp[64], wired = 0, result = 0;
    int lens[2];
    srtp_err_status_t status[2];
    int wildcard = one_in(2);
    /* 2.5.0 has none. */
    int cryptex = reference.use_cryptex && ours.use_cryptex && one_in(3);
    if (cryptex) {
        r.has_ids = 0;
        r.policy.enc_xtn_hdr_count = 0;
        r.policy.enc_xtn_hdr = NULL;
    }
    int updated = 0, had_mki = 0;
    memset(tracks, 0, sizeof tracks);

    for (int i = 0; i < 4; i++)
        seqs[i] = one_in(3) ? (uint16_t)(65400 + below(130)) : (uint16_t)rnd();
    for (int side = 0; side < 2; side++) {
        r.policy.ssrc.type = wildcard ? (side ? ssrc_any_inbound : ssrc_any_outbound) : ssrc_specific;
        r.policy.ssrc.value = ssrcs[0];
        for (int i = 0; i < 2; i++)
            status[i] = both[i]->create(side ? &both[i]->receiver : &both[i]->sender, &r.policy);
        what = "srtp_create";
        if (compare(status[0], status[1]))
            return 1;
        if (status[0])
            return 0;
        for (int i = 0; i < 2 && cryptex; i++)
            status[i] = both[i]->use_cryptex(side ? both[i]->receiver : both[i]->sender, &r.policy.ssrc, 1);
        what = "srtp_set_stream_use_cryptex";
        if (compare(status[0], status[1]))
            return 1;
    }
    if (!wildcard || one_in(3)) {
        what = "srtp_add_stream";
        r.policy.ssrc.type = ssrc_specific;
        r.policy.ssrc.value = ssrcs[1];
        for (int i = 0; i < 2; i++) {
            status[i] = both[i]->add_stream(both[i]->sender, &r.policy);
            both[i]->add_stream(both[i]->receiver, &r.policy);
        }
        if (compare(status[0], status[1]))
            return 1;
        tracks[0][1].is_own = tracks[1][1].is_own = 1;
    }
    if (!wildcard)
        tracks[0][0].is_own = tracks[1][0].is_own = 1;

    for (int step = 0; step < 60 && !result; step++) {
        int which = (int)below(wildcard ? 4 : 3);
        unsigned use_mki = one_in(2), mki = below(one_in(12) ? 5 : (uint32_t)r.keys);
        /* Where an SRTCP packet's MKI stands, 2.5.0 takes from the tag of SRTP. */
        had_mki |= r.policy.num_master_keys != 0;
        int kept_mki = had_mki && r.rtp_tag != r.rtcp_tag && !r.gcm;
        int choice = (int)below(100);
        struct track *misjudged = NULL;
        quiet = 0;
        for (int i = 0; i < 2; i++)
            both[i]->events = 0;
        if (choice < 40) {
            int rtcp = one_in(3);
            what = rtcp ? "srtp_protect_rtcp_mki" : "srtp_protect_mki";
            memset(packets, 0xa5, sizeof packets);
            int len = rtcp ? draw_rtcp(packets[0], which) : draw_rtp(packets[0], &r, which);
            int cut = one_in(30);
            if (cut)
                len = (int)below((uint32_t)len);
            memcpy(packets[1], packets[0], MAX_PACKET);
            struct track *track = &tracks[0][which];
            uint16_t seq = seq_of(packets[0]);
            quiet = !rtcp && is_misjudged(track, seq);
            for (int i = 0; i < 2; i++) {
                shared->inside = i + 1;
                lens[i] = len;
                status[i] = (rtcp ? both[i]->protect_rtcp : both[i]->protect)(both[i]->sender, packets[i], &lens[i], use_mki, mki);
            }
            if (status[0] == srtp_err_status_parse_err && !status[1] && r.has_ids) {
                keep("an extension that is not of RFC 8285, where ids are encrypted, stays in clear");
                break;
            }
            if (cryptex && status[0] && status[1] == srtp_err_status_parse_err) {
                keep("2.8 has used the index of a packet whose extension cannot be hidden");
                break;
            }
            result = compare(status[0], status[1]) || compare_packets(status[0], packets, lens);
            if (quiet && answers_so(track, seq, 1, status[0]))
                misjudged = track;
            else if (!rtcp && !result && !status[0])
                has_passed(track, seq);
            if (!result && !status[0] && wired < 64) {
                memcpy(wire[wired], packets[0], MAX_PACKET);
                wire_len[wired] = lens[0];
                wire_which[wired] = which;
                wire_mki[wired] = (int)use_mki;
                wire_rtcp[wired++] = rtcp;
            }
        } else if (choice < 80 && wired) {
            int n = one_in(3) ? (int)below((uint32_t)wired) : wired - 1;
            which = wire_which[n];
            int rtcp = wire_rtcp[n], len = wire_len[n], damaged = 0;
            what = rtcp ? "srtp_unprotect_rtcp_mki" : "srtp_unprotect_mki";
            memcpy(packets[0], wire[n], MAX_PACKET);
            if (one_in(6)) {
                damaged = 1;
                if (one_in(2))
                    packets[0][12 + below((uint32_t)(len > 12 ? len - 12 : 1))] ^= (unsigned char)(1 + below(255));
                else
                    len = (int)below((uint32_t)len + 1);
            }
            use_mki = one_in(20) ? !wire_mki[n] : (unsigned)wire_mki[n];
            if (use_mki != (unsigned)wire_mki[n])
                damaged = 1;
            if (rtcp && use_mki && kept_mki) {
                keep("2.5.0 looks for the MKI of SRTCP where SRTP's tag would begin");
                continue;
            }
            memcpy(packets[1], packets[0], MAX_PACKET);
            if (!rtcp && r.rtp_tag && !r.gcm && !(r.policy.rtp.sec_serv & sec_serv_auth)) {
                keep("2.5.0 takes a tag off that its own sender has not put on");
                continue;
            }
            struct track *track = &tracks[1][which];
            uint16_t seq = seq_of(packets[0]);
            quiet = !rtcp && is_misjudged(track, seq);
            if (!rtcp && len >= 12 && len < 12 + r.rtp_tag + SRTP_MAX_MKI_LEN && !r.gcm &&
                !(r.policy.rtp.sec_serv & sec_serv_conf) && (damaged || updated)) {
                int cut = len != wire_len[n];
                lens[1] = len;
                status[1] = ours.unprotect(ours.receiver, packets[1], &lens[1], use_mki);
                if (!status[1] && cut && r.rtp_tag)
                    result = disagree("status of a packet that was cut", -1, 0);
                keep("2.5.0 reads beyond a packet in clear that is shorter than its trailer");
                break;
            }
            for (int i = 0; i < 2; i++) {
                shared->inside = i + 1;
                lens[i] = len;
                status[i] = (rtcp ? both[i]->unprotect_rtcp : both[i]->unprotect)(both[i]->receiver, packets[i], &lens[i], use_mki);
            }
            /* The caller's own function is asked before the replay list is. */
            int own = (rtcp ? r.policy.rtcp.auth_type : r.policy.rtp.auth_type) == OWN_AUTH &&
                status[1] == srtp_err_status_auth_fail;
            if (status[0] != status[1] && status[0] && status[1] &&
                (damaged || own || status[1] == srtp_err_status_bad_mki)) {
                keep("a packet with several faults is refused by both, for another of them");
                continue;
            }
            if (damaged && !status[0] && status[1] && r.policy.rtp.auth_type == SRTP_NULL_AUTH && !r.gcm) {
                keep("without a tag 2.5.0 takes what ours finds malformed");
                break;
            }
            if (status[0] == srtp_err_status_parse_err && !status[1] && r.has_ids) {
                keep("an extension that is not of RFC 8285, where ids are encrypted, stays in clear");
                break;
            }
            if (!status[0] && status[1] == srtp_err_status_replay_fail && updated && !r.rtp_tag &&
                r.policy.rtp.cipher_type == SRTP_NULL_CIPHER) {
                keep("an update that changes no key frees no index");
                break;
            }
            int by_its_e_bit = (damaged && status[0] == srtp_err_status_ok) || status[0] == srtp_err_status_auth_fail;
            if (by_its_e_bit && r.gcm && rtcp && status[1] == srtp_err_status_cant_check) {
                keep("the E bit is the policy's with AEAD as well");
                break;
            }
            result = compare(status[0], status[1]) || compare_packets(status[0], packets, lens);
            if (quiet && answers_so(track, seq, 0, status[0]))
                misjudged = track;
            else if (!rtcp && !result && !status[0])
                has_passed(track, seq);
        } else if (choice < 82) {
            what = "srtp_get_stream_roc";
            uint32_t rocs[2] = { 0, 0 };
            for (int i = 0; i < 2; i++)
                status[i] = both[i]->get_roc(one_in(2) ? both[i]->sender : both[i]->sender, ssrcs[which], &rocs[i]);
            result = compare(status[0], status[1]);
            if (!result && rocs[0] != rocs[1])
                result = disagree("roc", rocs[0], rocs[1]);
        } else if (choice < 91) {
            what = "srtp_set_stream_roc";
            uint32_t now = 0, roc = one_in(4) ? rnd() : below(4);
            reference.get_roc(one_in(2) ? reference.sender : reference.receiver, ssrcs[which], &now);
            if (now && !one_in(4))
                roc = now + one_in(4);
            for (int side = 0; side < 2 && !result; side++) {
                for (int i = 0; i < 2; i++)
                    status[i] = both[i]->set_roc(side ? both[i]->receiver : both[i]->sender, ssrcs[which], roc);
                result = compare(status[0], status[1]);
                if (!status[0])
                    set_roc(&tracks[side][which], roc);
            }
        } else if (choice < 94) {
            what = "srtp_get_protect_trailer_length";
            uint32_t longest[2] = { 0, 0 };
            int rtcp = one_in(2);
            if (!rtcp && r.rtp_tag && !r.gcm && !(r.policy.rtp.sec_serv & sec_serv_auth)) {
                keep("2.5.0 counts a tag that its sender does not put on");
                continue;
            }
            for (int i = 0; i < 2; i++)
                status[i] = (rtcp ? both[i]->rtcp_trailer : both[i]->trailer)(both[i]->sender, use_mki, mki, &longest[i]);
            result = compare(status[0], status[1]);
            if (!result && longest[0] != longest[1])
                result = disagree("trailer", longest[0], longest[1]);
        } else if (choice < 96) {
            what = "srtp_remove_stream";
            for (int side = 0; side < 2 && !result; side++) {
                for (int i = 0; i < 2; i++)
                    status[i] = both[i]->remove_stream(side ? both[i]->receiver : both[i]->sender, htonl(ssrcs[which]));
                result = compare(status[0], status[1]);
                if (!status[0])
                    memset(&tracks[side][which], 0, sizeof tracks[side][which]);
            }
        } else if (choice < 98) {
            /* One stream, which has keys of its own then; or all of the template's. */
            int one = one_in(2);
            int whole = wildcard && !one;
            what = one ? "srtp_update_stream" : "srtp_update";
            updated = 1;
            draw_keys(&r);
            current = r;
            r.policy.ssrc.value = ssrcs[one ? which : 0];
            for (int side = 0; side < 2 && !result; side++) {
                r.policy.ssrc.type = !whole ? ssrc_specific : side ? ssrc_any_inbound : ssrc_any_outbound;
                for (int i = 0; i < 2; i++)
                    status[i] = (one ? both[i]->update_stream : both[i]->update)(side ? both[i]->receiver : both[i]->sender, &r.policy);
                result = compare(status[0], status[1]);
                for (int n = 0; n < 4 && !status[0]; n++) {
                    struct track *track = &tracks[side][n];
                    if (whole ? !track->is_own : ssrcs[n] == r.policy.ssrc.value) {
                        set_roc(track, 0);
                        track->is_own |= !whole;
                    }
                }
            }
        } else {
            /* The SSRC in the other direction. */
            what = "collision";
            memset(packets, 0xa5, sizeof packets);
            int len = draw_rtcp(packets[0], which);
            memcpy(packets[1], packets[0], MAX_PACKET);
            for (int i = 0; i < 2; i++) {
                shared->inside = i + 1;
                lens[i] = len;
                status[i] = both[i]->protect_rtcp(both[i]->receiver, packets[i], &lens[i], 0, 0);
            }
            if (!status[0] && !status[1]) {
                keep("each direction of one SSRC counts its own indexes");
                break;
            }
            result = compare(status[0], status[1]);
        }
        if (misjudged) {
            keep("2.5.0 holds every later packet against a ROC that was set near the stream's own");
            result = 0;
            break;
        }
        if (!result && both[0]->events != both[1]->events)
            result = disagree("events", both[0]->events, both[1]->events);
    }
    for (int i = 0; i < 2; i++) {
        both[i]->dealloc(both[i]->sender);
        both[i]->dealloc(both[i]->receiver);
    }
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s REFERENCE.so OURS.so ROUNDS SEED\n", argv[0]);
        return 2;
    }
    draw_own_case();
    load(&reference, argv[1]);
    /* Before 2.8 it derived AES-192's keys in its own way; ours can, when asked. */
    if (!reference.use_cryptex)
        setenv("CALLSEAL_SRTP_AES192", "libsrtp-2.7", 1);
    load(&ours, argv[2]);
    reference.install_events(reference_event);
    ours.install_events(our_event);
    verbose = getenv("VERBOSE") != NULL;
    unsigned long rounds = strtoul(argv[3], NULL, 0), seed = strtoul(argv[4], NULL, 0), different = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    /* A process for every few rounds, since the reference crashes at some. */
    for (unsigned long n = 0; n < rounds && different < 10; n += ROUNDS_EACH) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            int failed = 0;
            /* What hangs is ended, and counts as a crash. */
            alarm(600);
            for (unsigned long m = n; m < n + ROUNDS_EACH && m < rounds; m++) {
                state = 0x9e3779b97f4a7c15ull * (seed + m + 1);
                for (int i = 0; i < 8; i++)
                    rnd();
                if (run_round()) {
                    printf("  in round %lu: %s %s %s 1 %lu\n", m, argv[0], argv[1], argv[2], seed + m);
                    failed = 1;
                }
            }
            fflush(stdout);
            _exit(failed);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return 2;
        if (WIFSIGNALED(status) && shared->inside == 1) {
            keep("2.5.0 crashed, and took the rest of its rounds with it");
        } else if (status) {
            if (WIFSIGNALED(status))
                printf("DIFFERENT: ours crashed in a round from %lu\n", seed + n);
            different++;
        }
    }
    printf("%lu rounds, %lu operations: %lu accepted and %lu refused by both alike, %lu different\n", rounds,
           shared->operations, shared->accepted, shared->refused, different);
    for (int i = 0; i < KEPT && shared->kept[i].count; i++)
        printf("kept, %lu times: %s\n", shared->kept[i].count, shared->kept[i].name);
    return different != 0;
}
