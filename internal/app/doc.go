// Package app wires the rooms together: each role of the program is one file that
// opens with what it connects. The rooms state what they need as small interfaces;
// here the real parts are plugged in, by the same constructors whether all roles
// run in one process (dev, the tests) or each in its own.
package app
