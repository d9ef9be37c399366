/* What a format of files does for the source table. */
#ifndef SOURCES_TABLE_H
#define SOURCES_TABLE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/complaint.h"
#include "base/text.h"

struct table_format {
	/*
	 * Adds the value of a key to empty bytes: 1, 0 there is none, -1. The file is opened each time,
	 * so that one that was put in its place is seen at once.
	 */
	int (*get)(const char *path, const char *key, size_t length, struct deadline, struct bytes *,
	           struct complaint *);
	/*
	 * Adds all keys, as they stand in the file. One that holds a NUL, other than at its end, is cut
	 * there. -1: perhaps not all.
	 */
	int (*keys)(const char *path, struct deadline, struct text_list *, struct complaint *);
};

extern const struct table_format table_lmdb, table_cdb;

#endif
