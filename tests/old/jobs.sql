BEGIN TRANSACTION;
CREATE TABLE ecgsynth_job_files (
	job VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	part INTEGER NOT NULL, 
	content BLOB NOT NULL, 
	PRIMARY KEY (job, name, part), 
	FOREIGN KEY(job) REFERENCES ecgsynth_jobs (id) ON DELETE CASCADE
);
INSERT INTO "ecgsynth_job_files" VALUES('done','report.html',0,X'3C68746D6C3E3C2F68746D6C3E');
INSERT INTO "ecgsynth_job_files" VALUES('running','upload',0,X'6E6F207365740A');
INSERT INTO "ecgsynth_job_files" VALUES('queued','upload',0,X'6E6F207365740A');
CREATE TABLE ecgsynth_jobs (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	asked JSON NOT NULL, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	share FLOAT NOT NULL, 
	doing VARCHAR(200) NOT NULL, 
	starts INTEGER NOT NULL, 
	owner VARCHAR(64), 
	lease FLOAT, 
	slot INTEGER, 
	result JSON, 
	problem JSON, 
	PRIMARY KEY (id), 
	UNIQUE (slot)
);
INSERT INTO "ecgsynth_jobs" VALUES('done','evaluation','done','{"against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": true, "seed": 0, "upload_kind": "csv", "name": "upload.csv"}',1.79604251877933692935e+09,1.79604251880685663223e+09,1.79604251883499050138e+09,1.0,'done',1,NULL,NULL,NULL,'{"rows": []}',NULL);
INSERT INTO "ecgsynth_jobs" VALUES('failed','evaluation','failed','{"against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": true, "seed": 0, "upload_kind": "csv", "name": "upload.csv"}',1.79604251885481166844e+09,1.79604251885578155515e+09,1.79604251887322425846e+09,0.0,'failed',1,NULL,NULL,NULL,NULL,'{"type": "about:blank", "title": "Not valid", "status": 422, "detail": "it has no data."}');
INSERT INTO "ecgsynth_jobs" VALUES('cancelled','evaluation','cancelled','{"against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": true, "seed": 0, "upload_kind": "csv", "name": "upload.csv"}',1.79604251887436652183e+09,NULL,1.7960425188752579689e+09,0.0,'cancelled',0,NULL,NULL,NULL,NULL,'null');
INSERT INTO "ecgsynth_jobs" VALUES('running','evaluation','running','{"against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": true, "seed": 0, "upload_kind": "csv", "name": "upload.csv"}',1.79604251887600541116e+09,1.79604251887663578981e+09,NULL,0.0,'starting',1,'killed',1.79604251887663578981e+09,0,NULL,NULL);
INSERT INTO "ecgsynth_jobs" VALUES('queued','evaluation','queued','{"against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": true, "seed": 0, "upload_kind": "csv", "name": "upload.csv"}',1.79604251893457078931e+09,NULL,NULL,0.0,'',0,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX ix_ecgsynth_jobs_state ON ecgsynth_jobs (state);
COMMIT;
