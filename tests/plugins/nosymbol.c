/* SPDX-License-Identifier: MIT */
/* A shared object, but no plugin. */
extern const int nothing_of_prun;
const int nothing_of_prun = 1;
