# SPDX-License-Identifier: MIT
#
# Degrees Fahrenheit as degrees Celsius, for prun coproc:
#
#     seq 0 10 100 | prun coproc awk -f celsius.awk
#
# fflush() writes the answer out at once. mawk reads blocks as well, so it has
# to be called with -W interactive: prun coproc mawk -W interactive -f celsius.awk

{
	printf "%.1f\n", ($1 - 32) * 5 / 9
	fflush()
}
