/* intel-ipsec-mb's job API on packets with a header of 12 octets, each under
 * keys of its own, driven as its documentation says: jobs are submitted until
 * some complete, and the manager is flushed at the end of a batch. */
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BATCH = 64, HEADER_LEN = 12, ROC_LEN = 4 };

struct peer {
    IMB_MGR *mgr;
    DECLARE_ALIGNED(uint8_t enc[MAX_BATCH][16 * 15], 16);
    DECLARE_ALIGNED(uint8_t dec[MAX_BATCH][16 * 15], 16);
    uint8_t inner[MAX_BATCH][20], outer[MAX_BATCH][20];
    struct gcm_key_data gcm[MAX_BATCH];
    uint8_t iv[MAX_BATCH][16], tags[MAX_BATCH][20];
};

struct peer *peer_new(void) {
    struct peer *peer = aligned_alloc(64, (sizeof *peer + 63) / 64 * 64);
    memset(peer, 0, sizeof *peer);
    peer->mgr = alloc_mb_mgr(0);
    init_mb_mgr_auto(peer->mgr, NULL);
    for (int n = 0; n < MAX_BATCH; n++) {
        uint8_t key[16], block[64];
        memset(key, n, sizeof key);
        memset(peer->iv[n], n, 14);
        IMB_AES_KEYEXP_128(peer->mgr, key, peer->enc[n], peer->dec[n]);
        IMB_AES128_GCM_PRE(peer->mgr, key, &peer->gcm[n]);
        for (int k = 0; k < 64; k++) block[k] = 0x36 ^ (k < 20 ? n : 0);
        IMB_SHA1_ONE_BLOCK(peer->mgr, block, peer->inner[n]);
        for (int k = 0; k < 64; k++) block[k] = 0x5c ^ (k < 20 ? n : 0);
        IMB_SHA1_ONE_BLOCK(peer->mgr, block, peer->outer[n]);
    }
    return peer;
}

/* Returns how many jobs completed. A packet has room for the ROC behind it. */
int peer_cm_hmac(struct peer *peer, uint8_t *packets, size_t stride, size_t payload_len, int batch) {
    int completed = 0;
    for (int n = 0; n < batch; n++) {
        IMB_JOB *job = IMB_GET_NEXT_JOB(peer->mgr);
        uint8_t *packet = packets + n * stride;
        job->cipher_mode = IMB_CIPHER_CNTR;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_CIPHER_HASH;
        job->hash_alg = IMB_AUTH_HMAC_SHA_1;
        job->enc_keys = peer->enc[n];
        job->dec_keys = peer->dec[n];
        job->key_len_in_bytes = 16;
        job->iv = peer->iv[n];
        job->iv_len_in_bytes = 16;
        job->src = packet;
        job->dst = packet + HEADER_LEN;
        job->cipher_start_src_offset_in_bytes = HEADER_LEN;
        job->msg_len_to_cipher_in_bytes = payload_len;
        job->hash_start_src_offset_in_bytes = 0;
        job->msg_len_to_hash_in_bytes = HEADER_LEN + payload_len + ROC_LEN;
        job->auth_tag_output = peer->tags[n];
        job->auth_tag_output_len_in_bytes = 12;
        job->u.HMAC._hashed_auth_key_xor_ipad = peer->inner[n];
        job->u.HMAC._hashed_auth_key_xor_opad = peer->outer[n];
        for (job = IMB_SUBMIT_JOB(peer->mgr); job; job = IMB_GET_COMPLETED_JOB(peer->mgr))
            completed += job->status == IMB_STATUS_COMPLETED;
    }
    for (IMB_JOB *job; (job = IMB_FLUSH_JOB(peer->mgr));)
        completed += job->status == IMB_STATUS_COMPLETED;
    return completed;
}

void peer_gcm(struct peer *peer, uint8_t *packets, size_t stride, size_t payload_len, int batch) {
    struct gcm_context_data context;
    for (int n = 0; n < batch; n++) {
        uint8_t *packet = packets + n * stride, *text = packet + HEADER_LEN;
        IMB_AES128_GCM_ENC(peer->mgr, &peer->gcm[n], &context, text, text, payload_len,
                           peer->iv[n], packet, HEADER_LEN, peer->tags[n], 16);
    }
}
