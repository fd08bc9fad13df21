"""Calls to Google Gemini through the official google-genai SDK: every token and every cent, once.

- `instrumentor`: has calls counted once the SDK is imported; the only module here that a process without the SDK loads
- `patched_sdk`: puts the wrappers into the SDK and takes them out
- `patch_points`: which functions are wrapped; `sdk_patches`: finds and checks them
- `wrappers`, `streams`, `live`, `interactions`, `live_interactions`, `batches`, `media`, `cached_content`: the
  replacements of the SDK's functions; `raw_replies`: replies whose caller parses them
- `call`: one billable request in progress; `attempts`: its HTTP requests
- `reply_record`: what its replies state; `reply_facts`, `reply_uses`: the facts in a reply
- `late_usage`, `storage`: what is charged after its request
- `ended_call`: what its end leaves for the thread that drains; `finished_call`: the frozen record
- `call_metrics`: feeds the instruments; `call_labels`: cached labels and attributes
"""
