"""What no request of Schemathesis carries: headers by which HTTP itself finds where a message ends, and how its connection goes on.

A value there that is none is answered by the HTTP library, with an empty 400, before there is a request that the document speaks of.
"""

import schemathesis

FRAMING = {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


@schemathesis.hook
def before_call(_context, case, _arguments):
    for name in [name for name in case.headers or () if name.strip().lower() in FRAMING]:
        del case.headers[name]
