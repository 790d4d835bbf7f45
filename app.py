"""The ASGI entry: `streamlit run app.py` finds `app` here. Everything else is in realtime/ and pages/."""

import streamlit as st

from realtime.server import compose

process = compose()
app = st.App("pages/shell.py", routes=process.routes, middleware=process.middleware, lifespan=process.lifespan)
