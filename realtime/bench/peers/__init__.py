"""Pages as one usually writes them in Streamlit, for comparison: same events, same chart. Nothing of Tideboard's own.

Each script runs in a process of its own: `streamlit run <script> -- <gateway's ws:// address> <collection> <points>`.
"""
