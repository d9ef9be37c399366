/*
 * SipHash-1-3 with a key drawn at start: what comes from the network or the directory cannot be
 * chosen to collide.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t length);

#endif
