// Package simulation lives thousands of orders against the sandbox's broker, in virtual time and with every kind of fault, and holds each step against the invariants.
//
// All of it is test code: nothing of the program can come to depend on it.
package simulation
