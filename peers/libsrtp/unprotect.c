/* Opens SRTP and SRTCP packets with libsrtp: one packet a line on standard
 * input ("rtp HEX" or "rtcp HEX"), one answer a line on standard output
 * ("ok HEX" or "failed STATUS").
 *
 * usage: unprotect PROFILE KEY-AND-SALT-HEX MKI-HEX
 */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PACKET 4096

static size_t from_hex(const char *hex, unsigned char *out, size_t room) {
    size_t len = 0;
    unsigned octet;
    while (len < room && sscanf(hex + 2 * len, "%2x", &octet) == 1)
        out[len++] = (unsigned char)octet;
    return len;
}

int main(int argc, char **argv) {
    static char line[2 * MAX_PACKET + 16];
    static unsigned char packet[MAX_PACKET + SRTP_MAX_TRAILER_LEN];
    unsigned char key[64], mki[128];
    srtp_policy_t policy;
    srtp_master_key_t master, *masters[1] = {&master};
    srtp_t session;

    if (argc != 4) {
        fprintf(stderr, "usage: %s PROFILE KEY-AND-SALT-HEX MKI-HEX\n", argv[0]);
        return 2;
    }
    memset(&policy, 0, sizeof policy);
    if (strcmp(argv[1], "AES_CM_128_HMAC_SHA1_80") == 0) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    } else if (strcmp(argv[1], "AES_CM_128_HMAC_SHA1_32") == 0) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
    } else {
        fprintf(stderr, "%s: unknown profile %s\n", argv[0], argv[1]);
        return 2;
    }
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    from_hex(argv[2], key, sizeof key);
    master.key = key;
    master.mki_id = mki;
    master.mki_size = (unsigned)from_hex(argv[3], mki, sizeof mki);
    policy.keys = masters;
    policy.num_master_keys = 1;
    policy.window_size = 1024;
    policy.ssrc.type = ssrc_any_inbound;
    if (srtp_init() != srtp_err_status_ok || srtp_create(&session, &policy) != srtp_err_status_ok) {
        fprintf(stderr, "%s: libsrtp refuses the policy\n", argv[0]);
        return 2;
    }
    while (fgets(line, sizeof line, stdin)) {
        int rtcp = strncmp(line, "rtcp ", 5) == 0;
        int len = (int)from_hex(line + (rtcp ? 5 : 4), packet, MAX_PACKET);
        srtp_err_status_t status = rtcp ? srtp_unprotect_rtcp_mki(session, packet, &len, 1)
                                        : srtp_unprotect_mki(session, packet, &len, 1);
        if (status != srtp_err_status_ok) {
            printf("failed %d\n", (int)status);
            continue;
        }
        printf("ok ");
        for (int i = 0; i < len; i++)
            printf("%02x", packet[i]);
        printf("\n");
    }
    return 0;
}
