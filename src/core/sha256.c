/* sha256.c: SHA-256 through libcrypto. */
#include "core/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static rb_status finish(EVP_MD_CTX *ctx, char hex[65]) {
    unsigned char digest[32];
    unsigned int n = 0;
    if (!EVP_DigestFinal_ex(ctx, digest, &n) || n != sizeof digest) return rb_fail(RB_INTERNAL, "SHA-256 failed");
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return RB_OK;
}

rb_status rb_sha256_pieces(const void *const *data, const size_t *bytes, int n, char hex[65]) {
    rb_status status = RB_OK;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        status = rb_fail(RB_INTERNAL, "SHA-256 is not available in libcrypto");
        goto cleanup;
    }
    for (int i = 0; i < n; i++)
        if (!EVP_DigestUpdate(ctx, data[i], bytes[i])) {
            status = rb_fail(RB_INTERNAL, "SHA-256 failed");
            goto cleanup;
        }
    RB_TRY(finish(ctx, hex));
cleanup:
    EVP_MD_CTX_free(ctx);
    return status;
}

rb_status rb_sha256(const void *data, size_t bytes, char hex[65]) { return rb_sha256_pieces(&data, &bytes, 1, hex); }

rb_status rb_sha256_file(const char *path, char hex[65]) {
    rb_status status = RB_OK;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    FILE *f = fopen(path, "rb");
    unsigned char buffer[65536];
    size_t n;
    if (!f) {
        status = rb_fail_native(RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        status = rb_fail(RB_INTERNAL, "SHA-256 is not available in libcrypto");
        goto cleanup;
    }
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0) EVP_DigestUpdate(ctx, buffer, n);
    if (ferror(f)) {
        status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path, strerror(errno));
        goto cleanup;
    }
    RB_TRY(finish(ctx, hex));
cleanup:
    if (f) fclose(f);
    EVP_MD_CTX_free(ctx);
    return status;
}
