/*
 * Nanoseconds a packet: bench LIBRARY.so. One loop for every library: the
 * packet is written anew, protected, and the time of writing taken off.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

static srtp_err_status_t (*create)(srtp_t *, const srtp_policy_t *);
static srtp_err_status_t (*protect)(srtp_t, void *, int *);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The best of several runs over `streams` SSRCs in turn. */
static double run(srtp_t session, int payload, uint32_t streams, int packets)
{
    static unsigned char plain[2048], packet[2048];
    static uint32_t sent;
    double best = 1e18;
    int len = 12 + payload;
    memset(plain, 0x5a, sizeof plain);
    plain[0] = 0x80;
    for (int trial = 0; trial < 7; trial++) {
        for (int does = 0; does < 2; does++) {
            static double without;
            double began = now();
            for (int i = 0; i < packets; i++) {
                uint32_t n = sent + (uint32_t)i, seq = n / streams, ssrc = htonl(1 + n % streams);
                plain[2] = (unsigned char)(seq >> 8);
                plain[3] = (unsigned char)seq;
                memcpy(plain + 8, &ssrc, 4);
                memcpy(packet, plain, (size_t)len);
                __asm__ volatile("" : : "r"(packet) : "memory");
                int packet_len = len;
                if (does && protect(session, packet, &packet_len))
                    abort();
            }
            double took = (now() - began) / packets;
            if (!does) {
                without = took;
                continue;
            }
            sent += (uint32_t)packets;
            if (trial && took - without < best)
                best = took - without;
        }
    }
    sent = 0;
    return best;
}

int main(int argc, char **argv)
{
    void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!handle) {
        fprintf(stderr, "usage: bench LIBRARY.so %s\n", argc == 2 ? dlerror() : "");
        return 2;
    }
    srtp_err_status_t (*init)(void) = (srtp_err_status_t(*)(void))dlsym(handle, "srtp_init");
    create = (srtp_err_status_t(*)(srtp_t *, const srtp_policy_t *))dlsym(handle, "srtp_create");
    protect = (srtp_err_status_t(*)(srtp_t, void *, int *))dlsym(handle, "srtp_protect");
    init();
    static unsigned char key[64];
    static const struct { const char *name, *setter; int payload; uint32_t streams; } cases[] = {
        { "cm128_160", "srtp_crypto_policy_set_rtp_default", 160, 1 },
        { "cm128_1200", "srtp_crypto_policy_set_rtp_default", 1200, 1 },
        { "gcm128_160", "srtp_crypto_policy_set_aes_gcm_128_16_auth", 160, 1 },
        { "gcm128_1200", "srtp_crypto_policy_set_aes_gcm_128_16_auth", 1200, 1 },
        { "cm128_160_10000_streams", "srtp_crypto_policy_set_rtp_default", 160, 10000 },
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        void (*setter)(srtp_crypto_policy_t *) = (void (*)(srtp_crypto_policy_t *))dlsym(handle, cases[i].setter);
        srtp_policy_t policy;
        memset(&policy, 0, sizeof policy);
        setter(&policy.rtp);
        setter(&policy.rtcp);
        policy.ssrc.type = ssrc_any_outbound;
        policy.key = key;
        srtp_t session;
        if (create(&session, &policy))
            return 1;
        printf("%s %.1f\n", cases[i].name, run(session, cases[i].payload, cases[i].streams, 40000));
        fflush(stdout);
    }
    return 0;
}
