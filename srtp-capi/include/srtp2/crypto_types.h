/*
 * The numbers of ciphers and authentication functions: libsrtp 2's interface,
 * as callseal implements it. MIT OR Apache-2.0.
 */
#ifndef SRTP_CRYPTO_TYPES_H
#define SRTP_CRYPTO_TYPES_H

/* Ciphers. */
#define SRTP_NULL_CIPHER 0
#define SRTP_AES_ICM_128 1
#define SRTP_AES_ICM_192 4
#define SRTP_AES_ICM_256 5
#define SRTP_AES_GCM_128 6
#define SRTP_AES_GCM_256 7

/* Authentication functions. */
#define SRTP_NULL_AUTH 0
#define SRTP_HMAC_SHA1 3

#endif
