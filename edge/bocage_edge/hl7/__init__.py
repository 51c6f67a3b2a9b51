"""HL7 v2: frames, messages, what requests and reports say, answers. Bytes in, values out."""
