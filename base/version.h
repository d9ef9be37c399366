#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define ROLLCALL_VERSION "0.1"

#ifndef ROLLCALL_CONFIG
#define ROLLCALL_CONFIG "/etc/rollcall/rollcall.yaml"
#endif

#endif
