"""The shared state: one view of all processes of a service, on one host or several, that survives restarts.

Each process is a member. It publishes its cumulative totals and its new entries; everybody reads all of them and adds
them up. A member that has gone is merged into one departed. `totals` is what is kept and `merging` how it is added up,
`backend` what a state must do, `sqlite` and `redis` do it, `member` is the protocol and `publisher` its thread,
`location` finds the state that a setting names, `endings` knows processes that end without exit handlers, and `fleet`
is the picture of all.
"""
