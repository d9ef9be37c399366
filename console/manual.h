/* Parts of the manual, in mdoc, on standard output: what the rows say. */
#ifndef CONSOLE_MANUAL_H
#define CONSOLE_MANUAL_H

/* All settings of the configuration but those of checks. */
void manual_settings(void);

/* All checks: what they ask, when, and their settings. */
void manual_checks(void);

#endif
