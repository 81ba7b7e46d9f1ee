/* intel-ipsec-mb on packets with a header of 12 octets, without SRTP, driven as
 * its documentation says: jobs are submitted until some complete, and the
 * manager is flushed at the end of a batch; or a batch is given as a burst. */
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BATCH = 128, HEADER_LEN = 12, ROC_LEN = 4 };

struct peer {
    IMB_MGR *mgr;
    size_t key_len;
    int opens;
    DECLARE_ALIGNED(uint8_t enc[16 * 15], 16);
    DECLARE_ALIGNED(uint8_t dec[16 * 15], 16);
    uint8_t inner[20], outer[20];
    DECLARE_ALIGNED(struct gcm_key_data gcm, 64);
    DECLARE_ALIGNED(uint8_t iv[16], 16);
    uint8_t tags[MAX_BATCH][20];
};

const char *peer_version(void) { return imb_get_version_str(); }

struct peer *peer_new(size_t key_len, int opens) {
    struct peer *peer = aligned_alloc(64, (sizeof *peer + 63) / 64 * 64);
    uint8_t key[32], block[64];
    memset(peer, 0, sizeof *peer);
    memset(key, 7, sizeof key);
    peer->mgr = alloc_mb_mgr(0);
    init_mb_mgr_auto(peer->mgr, NULL);
    peer->key_len = key_len;
    peer->opens = opens;
    if (key_len == 32) {
        IMB_AES_KEYEXP_256(peer->mgr, key, peer->enc, peer->dec);
        IMB_AES256_GCM_PRE(peer->mgr, key, &peer->gcm);
    } else {
        IMB_AES_KEYEXP_128(peer->mgr, key, peer->enc, peer->dec);
        IMB_AES128_GCM_PRE(peer->mgr, key, &peer->gcm);
    }
    for (int k = 0; k < 64; k++) block[k] = 0x36 ^ (k < 20 ? 9 : 0);
    IMB_SHA1_ONE_BLOCK(peer->mgr, block, peer->inner);
    for (int k = 0; k < 64; k++) block[k] = 0x5c ^ (k < 20 ? 9 : 0);
    IMB_SHA1_ONE_BLOCK(peer->mgr, block, peer->outer);
    return peer;
}

void peer_free(struct peer *peer) {
    free_mb_mgr(peer->mgr);
    free(peer);
}

static void fill(struct peer *peer, IMB_JOB *job, uint8_t *packet, size_t payload_len, int n) {
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->cipher_direction = peer->opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    job->chain_order = peer->opens ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->enc_keys = peer->enc;
    job->dec_keys = peer->dec;
    job->key_len_in_bytes = peer->key_len;
    job->iv = peer->iv;
    job->iv_len_in_bytes = 16;
    job->src = packet;
    job->dst = packet + HEADER_LEN;
    job->cipher_start_src_offset_in_bytes = HEADER_LEN;
    job->msg_len_to_cipher_in_bytes = payload_len;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = HEADER_LEN + payload_len + ROC_LEN;
    job->auth_tag_output = peer->tags[n];
    job->auth_tag_output_len_in_bytes = 12;
    job->u.HMAC._hashed_auth_key_xor_ipad = peer->inner;
    job->u.HMAC._hashed_auth_key_xor_opad = peer->outer;
}

/* Both return how many jobs completed. A packet has room for the ROC behind it. */
int peer_cm_jobs(struct peer *peer, uint8_t **packets, size_t payload_len, int batch) {
    int completed = 0;
    for (int n = 0; n < batch; n++) {
        IMB_JOB *job = IMB_GET_NEXT_JOB(peer->mgr);
        fill(peer, job, packets[n], payload_len, n);
        for (job = IMB_SUBMIT_JOB_NOCHECK(peer->mgr); job; job = IMB_GET_COMPLETED_JOB(peer->mgr))
            completed += job->status == IMB_STATUS_COMPLETED;
    }
    for (IMB_JOB *job; (job = IMB_FLUSH_JOB(peer->mgr));)
        completed += job->status == IMB_STATUS_COMPLETED;
    return completed;
}

int peer_cm_burst(struct peer *peer, uint8_t **packets, size_t payload_len, int batch) {
    IMB_JOB *jobs[MAX_BATCH];
    if (IMB_GET_NEXT_BURST(peer->mgr, batch, jobs) != (uint32_t) batch) return 0;
    for (int n = 0; n < batch; n++) fill(peer, jobs[n], packets[n], payload_len, n);
    int completed = IMB_SUBMIT_BURST_NOCHECK(peer->mgr, batch, jobs);
    while (completed < batch) {
        int flushed = IMB_FLUSH_BURST(peer->mgr, batch - completed, jobs);
        if (flushed == 0) break;
        completed += flushed;
    }
    return completed;
}

void peer_gcm(struct peer *peer, uint8_t *packet, size_t payload_len) {
    struct gcm_context_data context;
    uint8_t *text = packet + HEADER_LEN;
    if (peer->key_len == 32 && peer->opens)
        IMB_AES256_GCM_DEC(peer->mgr, &peer->gcm, &context, text, text, payload_len, peer->iv, packet, HEADER_LEN, peer->tags[0], 16);
    else if (peer->key_len == 32)
        IMB_AES256_GCM_ENC(peer->mgr, &peer->gcm, &context, text, text, payload_len, peer->iv, packet, HEADER_LEN, peer->tags[0], 16);
    else if (peer->opens)
        IMB_AES128_GCM_DEC(peer->mgr, &peer->gcm, &context, text, text, payload_len, peer->iv, packet, HEADER_LEN, peer->tags[0], 16);
    else
        IMB_AES128_GCM_ENC(peer->mgr, &peer->gcm, &context, text, text, payload_len, peer->iv, packet, HEADER_LEN, peer->tags[0], 16);
}
