/* SPDX-License-Identifier: MIT */

#include "ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

int ending_text(char text[ENDING_TEXT], int code, int signal)
{
	const char *name;

	if (signal == 0)
		return snprintf(text, ENDING_TEXT, "exited with status %d",
				code);
	/* Nobody else sends these. */
	if (signal == SIGTTIN || signal == SIGTTOU)
		return snprintf(text, ENDING_TEXT,
				"was killed, for it waited for the terminal");
	name = sigabbrev_np(signal);
	return snprintf(text, ENDING_TEXT, "was killed by SIG%s (signal %d)",
			name ? name : "?", signal);
}

bool ending_read(int *code, int *signal, const char *text, size_t size)
{
	char copy[ENDING_TEXT];

	if (size >= sizeof(copy))
		size = sizeof(copy) - 1;
	memcpy(copy, text, size);
	copy[size] = '\0';
	*code = *signal = 0;
	return sscanf(copy, "exited with status %d", code) == 1 ||
	       sscanf(copy, "was killed by SIG%*[^ ] (signal %d)", signal) == 1;
}
