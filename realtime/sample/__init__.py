"""Plays one real day, 8 February 2013 at New York's airports, to a gateway, like any producer over its public HTTP API.

No import of gateway, client, store, views, live or ui in here. One thread posts; `Sample` may be called from any.
"""

from realtime.sample.producer import SOURCE
from realtime.sample.sample import Sample
from realtime.sample.show import SampleState, SampleStatus

__all__ = ["SOURCE", "Sample", "SampleState", "SampleStatus"]
