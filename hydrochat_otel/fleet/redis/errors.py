"""Explains in sentences why a Redis cannot be used."""

import re
from typing import Final

_SENTENCES: Final = (
    (r"WRONGTYPE", "holds another program's data under the keys {keys}: name another database"),
    (r"MasterNotFound", "cannot be found: no Sentinel is reachable or names a running master"),
    (r"Authentication|NOAUTH|WRONGPASS", "rejects the user or the password: give the right ones in HYDROCHAT_STATE"),
    (r"NoPermission|Authorization|NOPERM|can't (run|access)", "does not let this user run scripts on the keys {keys}"),
    (r"BusyLoading|LOADING", "is still loading its data; retrying"),
    (r"OutOfMemory|OOM", "is full: give it more memory (maxmemory)"),
    (r"ReadOnly|READONLY|previous master", "is a replica, which is read-only: name its master, or its Sentinels"),
    (r"MISCONF", "refuses writes, because it cannot save to its disk: make room there"),
    (r"BUSY", "is busy with another script; retrying"),
    (r"Moved|MOVED|CROSSSLOT", "is part of a cluster: name it as redis+cluster://"),
    (r"Cluster mode is not|cluster support disabled", "is not a cluster: name it as redis://"),
    (r"ClusterDown|MasterDown|CLUSTERDOWN|not covered", "is a cluster that is partly down; retrying"),
    (r"InvalidResponse", "is not a Redis: give its address in HYDROCHAT_STATE"),
    (r"max number of clients", "has too many clients: raise its limit (maxclients)"),
    (r"CERTIFICATE_VERIFY", "has an untrusted certificate: name its authority's with ?ssl_ca_certs=path"),
    (r"[Tt]ime(d )?out", "did not answer within {timeout_s:g} s; retrying"),
    (r"Connection|OSError|gaierror|Cluster", "is unreachable: start it, or give its address in HYDROCHAT_STATE"),
    (r"DB index|Invalid Database", "does not have the database of that number: name a smaller one, such as /0"),
    (r"UnreadableError|user_script", "holds data that this program did not write under the keys {keys}: remove them"),
    (r"TypeError|ValueError", "cannot be used: HYDROCHAT_STATE has an option that redis-py does not have"),
)
"""Our sentences for redis-py's errors, by class and text; the first match counts. Their own text is never shown."""


class UnreadableError(Exception):
    """The state's reply is not what the scripts return for what this program writes."""


def sentence(error: BaseException, *, keys: str, timeout_s: float) -> str:
    """Return the cause and the remedy, to follow the name of the Redis.

    Args:
        error: What redis-py raised.
        keys: The pattern of the state's keys.
        timeout_s: How long an answer was awaited.
    """
    seen: BaseException | None = error
    text = ""
    while seen is not None:
        text += f"{type(seen).__name__}: {seen}\n"
        seen = seen.__cause__ or seen.__context__
    for pattern, said in _SENTENCES:
        if re.search(rf"\b(?:{pattern})", text):
            return said.format(keys=keys, timeout_s=timeout_s)
    return f"cannot be used ({type(error).__name__}): look at its log"
