/* SPDX-License-Identifier: MIT */
/* A plugin of an ABI that does not exist. Its other fields are not as they
 * are today, so nobody may look at them. */
#include "prun.h"

extern PRUN_API const struct prun_plugin prun_plugin;
const struct prun_plugin prun_plugin = {
	.abi = PRUN_PLUGIN_ABI + 1000,
	.func_size = 1,
	.funcs = (const struct prun_func *)1,
	.nfuncs = 1,
};
