/*
 * What is left to a library for MIME, GMime: decoding what others encoded. The only file that knows
 * it is mime.c. It never touches a message that goes out.
 *
 * Threads: any.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

/*
 * The value of an unstructured field for reading: encoded words (RFC 2047) decoded. UTF-8, where
 * nothing else can be made of it with characters that stand for what is lost. Allocated.
 */
char *mime_decode(const char *value);

#endif
