# A stand-in for the official PostgreSQL image: the same variables, volume, port and user, as far as the compose file
# uses them.
FROM byway-stand-in/debian:local
LABEL org.byway.stand-in="postgres"
COPY postgres-entrypoint /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
CMD ["postgres"]
