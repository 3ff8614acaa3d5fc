"""One module a protocol: how its question is put and how much of the answer is listened to.

Each bounds what it reads in bytes and in time, and returns raw material that the module of the same name
under mspctl/facts reads. What fails is None: silence of one probe is no error of the scan.
"""
