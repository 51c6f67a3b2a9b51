"""The link unit: tunnels, the packet filter, path MTU and the clock of a box.

What is wanted comes from the signed configuration, what is comes from `ip`, `wg` and `nft`; pure
functions list the commands that make up the difference. IP is never forwarded between the sites.
"""
