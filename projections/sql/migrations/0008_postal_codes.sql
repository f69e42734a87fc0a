-- migrate:up

-- Where postcodes are, so that nobody has to be asked. Not from the log: loaded again at will (`onhand geo load`).
-- Postcodes are in capitals, without spaces and hyphens.
CREATE TABLE postal_codes (
    country   text             NOT NULL,
    postcode  text             NOT NULL,
    latitude  double precision NOT NULL,
    longitude double precision NOT NULL,
    PRIMARY KEY (country, postcode)
);
