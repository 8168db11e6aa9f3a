"""Tables, queries, migrations, blobs and the job queue. Only this room knows SQL."""
