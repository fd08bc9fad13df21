"""The shared state: one view of all processes of a service, on one host or several, that survives restarts.

Each process is a member. It publishes its cumulative totals and its new entries, and reads and adds up those of all
members. The totals of a departed member are merged into one record of all departed members. `totals` is what is stored
and `merging` how it is added up; `backend` states what a state must do, `bounds` how much it holds, and `sqlite` and
`redis` implement it; `member` is the protocol and `publisher` its thread; `discovery` finds the state that a setting
names; `fleet_snapshot` is the snapshot of all members. A process that shares with none imports only `publisher`,
`discovery`, `bounds` and `sign_outs`.
"""
